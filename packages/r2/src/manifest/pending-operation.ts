import type { ManifestOperation, OperationOutcome } from '@umbra/core'

/** An operation whose bodies are uploaded, and somebody who waits for its outcome. */
export interface PendingOperation extends ManifestOperation {
  /** Raises the head's floor to this with the commit: ISO 8601, UTC. */
  readonly floor?: string
  resolve(outcome: OperationOutcome): void
  reject(error: unknown): void
}
