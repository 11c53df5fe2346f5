import type { Readable, Writable } from 'node:stream'
import type { Clock, Environment } from '@umbra/core'

/** A stream that may be a terminal. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number }
export type InputStream = Readable & { readonly isTTY?: boolean }

/** Everything a command may touch besides its arguments. */
export interface CliContext {
  readonly env: Environment
  /** The result, and nothing else. */
  readonly stdout: OutputStream
  /** Messages, progress and questions. */
  readonly stderr: OutputStream
  readonly stdin: InputStream
  readonly clock: Clock
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal
}
