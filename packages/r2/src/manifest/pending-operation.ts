import type { AppendedRun, HeadHeader, ManifestOperation, OperationOutcome } from '@umbra/core'

/** A run whose ids were looked up in a version of the head; undefined: in an empty namespace. */
export interface CheckedAppend extends AppendedRun {
  readonly checkedAt: Pick<HeadHeader, 'epoch' | 'seq'> | undefined
}

/** An operation whose bodies are uploaded, and somebody who waits for its outcome. */
export interface PendingOperation extends ManifestOperation {
  /** Raises the head's floor to this with the commit: ISO 8601, UTC. */
  readonly floor?: string
  readonly append?: CheckedAppend
  resolve(outcome: OperationOutcome): void
  reject(error: unknown): void
}
