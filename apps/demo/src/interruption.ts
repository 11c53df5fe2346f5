/** 128 and the signal's number, as shells report it. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

/** What a program gets that writes into a pipe nobody reads, such as one into `head`. */
const CLOSED_PIPE_EXIT_CODE = 141

/** Resolves to the exit code once the user, the system or a closed pipe asks this process to end. */
export function interruption(process: NodeJS.Process): Promise<number> {
  return new Promise((resolve) => {
    for (const [signal, exitCode] of Object.entries(EXIT_CODES)) {
      process.on(signal, () => resolve(exitCode))
    }
    process.stdout.on('error', () => resolve(CLOSED_PIPE_EXIT_CODE))
  })
}
