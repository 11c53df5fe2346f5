import { Readable, Writable } from 'node:stream'
import { systemClock } from '@umbra/core'
import type { Clock, Environment } from '@umbra/core'
import { runCli } from './run-cli.ts'

export interface CliRun {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface CliRunOptions {
  readonly env?: Environment
  readonly stdin?: string
  /** Answer typed at a terminal. Without it there is none. */
  readonly answer?: string
  readonly clock?: Clock
}

/** Runs one command line in this process, as a terminal or a pipe would. */
export async function runUmbra(words: readonly string[], options: CliRunOptions = {}): Promise<CliRun> {
  const stdout = createSink()
  const stderr = createSink()
  const { answer, clock = systemClock, stdin = '' } = options
  const onTerminal = answer !== undefined
  const exitCode = await runCli(words, {
    env: options.env ?? {},
    stdout: stdout.stream,
    stderr: Object.assign(stderr.stream, { isTTY: onTerminal, columns: 80 }),
    stdin: Object.assign(Readable.from([Buffer.from(onTerminal ? `${answer}\n` : stdin)]), {
      isTTY: onTerminal,
    }),
    clock,
    signal: new AbortController().signal,
  })
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() }
}

function createSink() {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      done()
    },
  })
  return { stream, text: () => Buffer.concat(chunks).toString() }
}
