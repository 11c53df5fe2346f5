import { hasErrorCode, UmbraError } from '@umbra/core'
import type { BlobWrite, Decision, LaneLease, QueuedOperation } from '@umbra/sqlite'
import type { SendContext } from './send-context.ts'

interface BlobOperation extends QueuedOperation {
  readonly blob: BlobWrite
}

/**
 * Writes one blob. The store knows the write by the operation's id, so that a repeat after a lost answer changes nothing; and by
 * the version that is noted before the first attempt, when so many others have written that it forgot. Undefined when the lease was lost.
 */
export async function sendBlob(
  { breaker, outbox, primary: { blobs } }: SendContext,
  lease: LaneLease,
  operation: BlobOperation,
): Promise<Decision | undefined> {
  const { path } = lease.lane
  const { opId, blob } = operation
  const since = blob.base ?? (await breaker.run(async () => blobs.newest?.(path)))
  if (blob.base === null && since !== undefined && !(await outbox.noteBase(lease, operation, since)))
    return undefined
  const { bytes, expect } = blob
  const named = { opId, since, mayApply: () => outbox.holds(lease) }
  try {
    await breaker.run<unknown>(() =>
      bytes === undefined ? blobs.delete(path, expect, named) : blobs.put(path, bytes, expect, named),
    )
    return { kind: 'committed', entries: undefined }
  } catch (error) {
    if (!hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
    // Without a condition it only came too late every time it was tried.
    if (expect === undefined) throw crowdedOut(path, error)
    return { kind: 'conflict', error }
  }
}

function crowdedOut(path: string, cause: UmbraError): UmbraError {
  return new UmbraError('CONFLICT', `others were faster every time the blob was written. key=${path}`, {
    cause,
  })
}
