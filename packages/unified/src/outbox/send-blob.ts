import { hasErrorCode, UmbraError } from '@umbra/core'
import type { BlobWrite, Decision, QueuedOperation } from '@umbra/sqlite'
import type { SendContext } from './send-context.ts'

interface BlobOperation extends QueuedOperation {
  readonly blob: BlobWrite
}

/** Writes one blob. The store knows the write by the operation's id, so that a repeat after a lost answer changes nothing. */
export async function sendBlob(
  { breaker, primary: { blobs } }: SendContext,
  path: string,
  { opId, blob: { bytes, expect } }: BlobOperation,
): Promise<Decision> {
  try {
    await breaker.run<unknown>(() =>
      bytes === undefined ? blobs.delete(path, expect, opId) : blobs.put(path, bytes, expect, opId),
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
