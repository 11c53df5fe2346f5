/** What must be undone, however the tour ends. */
export interface Cleanup {
  defer(release: () => Promise<void>): void
  /** Waits until something is open, and closes it in the end, also when nobody waits for it any more. */
  open<T extends Closable>(opening: Promise<T>): Promise<T>
  /** Releases everything, the newest first; one failure does not keep the others from running. May be called again. */
  run(): Promise<void>
}

interface Closable {
  close(): Promise<void>
}

export function createCleanup(): Cleanup {
  const releases: (() => Promise<void>)[] = []
  return {
    defer(release) {
      releases.push(release)
    },
    open(opening) {
      releases.push(async () => {
        // What did not open needs no closing; its caller has the failure.
        const opened = await opening.catch(() => undefined)
        await opened?.close()
      })
      return opening
    },
    async run() {
      const failures: unknown[] = []
      for (let release = releases.pop(); release !== undefined; release = releases.pop()) {
        await release().catch((error: unknown) => failures.push(error))
      }
      if (failures.length > 0) throw failures[0]
    },
  }
}
