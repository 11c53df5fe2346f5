import type { ManifestOperation, OperationOutcome } from '@umbra/core'

/** An operation whose bodies are uploaded, and somebody who waits for its outcome. */
export interface PendingOperation extends ManifestOperation {
  resolve(outcome: OperationOutcome): void
  reject(error: unknown): void
}
