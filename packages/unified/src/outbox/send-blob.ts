import { blobChanged, hasErrorCode, UmbraError } from '@umbra/core'
import type { BlobExpectation } from '@umbra/core'
import type { BlobWrite, Decision, LaneLease, QueuedOperation } from '@umbra/sqlite'
import type { SendContext } from './send-context.ts'

const NONE = '-'
const COMMITTED: Decision = { kind: 'committed', entries: undefined }

interface BlobOperation extends QueuedOperation {
  readonly blob: BlobWrite
}

/**
 * Writes one blob. The version it replaces is noted before the first attempt, and every attempt names exactly that one, so
 * that a repeat after a lost answer cannot undo what somebody else wrote in between. Undefined when the lease was lost.
 */
export async function sendBlob(
  context: SendContext,
  lease: LaneLease,
  operation: BlobOperation,
): Promise<Decision | undefined> {
  const { blob } = operation
  if (blob.base !== null) return resend(context, lease, operation, blob.base)
  const base = named(blob.expect) ?? (await currentEtag(context, lease))
  if (!(await context.outbox.noteBase(lease, operation, base))) return undefined
  return attempt(context, lease, { operation, base, attempted: false })
}

/** Attempted before: what is there now tells what became of it. */
async function resend(
  context: SendContext,
  lease: LaneLease,
  operation: BlobOperation,
  base: string,
): Promise<Decision | undefined> {
  const current = await currentEtag(context, lease)
  if (current === (operation.blobEtag || NONE)) return confirm(context, lease, operation)
  if (current === base) return attempt(context, lease, { operation, base, attempted: true })
  // Somebody wrote since. Without a condition, "just before them" is as good a place as any.
  if (operation.blob.expect === undefined) return COMMITTED
  return { kind: 'conflict', error: blobChanged(lease.lane.path, current === NONE ? undefined : current) }
}

/**
 * It is as the operation wants it, but the first attempt did not say so. A store that keeps copies may owe them, or have one too many: it
 * sees to them when it is written again over what is there.
 */
async function confirm(context: SendContext, lease: LaneLease, operation: BlobOperation): Promise<Decision> {
  const { breaker, primary } = context
  try {
    if (operation.blobEtag !== '') await write(context, lease, operation, operation.blobEtag)
    else await breaker.run(() => primary.blobs.delete(lease.lane.path, { kind: 'absent' }))
  } catch (error) {
    // Somebody wrote since, and has seen to the copies of that.
    if (!hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
  }
  return COMMITTED
}

async function attempt(
  context: SendContext,
  lease: LaneLease,
  sending: { readonly operation: BlobOperation; readonly base: string; readonly attempted: boolean },
): Promise<Decision | undefined> {
  const { operation, base, attempted } = sending
  try {
    await write(context, lease, operation, base)
    return COMMITTED
  } catch (error) {
    if (!hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
    const current = await currentEtag(context, lease)
    if (attempted && current === (operation.blobEtag || NONE)) return confirm(context, lease, operation)
    // Refused in the crowd of other writers, none of whom changed it.
    if (current === base) throw stillTheSame(error)
    if (operation.blob.expect !== undefined) return { kind: 'conflict', error }
    // Somebody was faster, which without a condition is no reason to give up: over what is there now.
    if (!(await context.outbox.noteBase(lease, operation, current))) return undefined
    return attempt(context, lease, { operation, base: current, attempted })
  }
}

function write(
  { breaker, primary: { blobs } }: SendContext,
  { lane }: LaneLease,
  { blob: { bytes } }: BlobOperation,
  base: string,
): Promise<unknown> {
  const expect: BlobExpectation = base === NONE ? { kind: 'absent' } : { kind: 'etag', etag: base }
  return breaker.run<unknown>(async () => {
    if (bytes !== undefined) return blobs.put(lane.path, bytes, expect)
    // Nothing is there to delete.
    return base === NONE ? false : blobs.delete(lane.path, expect)
  })
}

async function currentEtag({ breaker, primary }: SendContext, { lane }: LaneLease): Promise<string> {
  return (await breaker.run(() => primary.blobs.get(lane.path)))?.etag ?? NONE
}

function named(expect: BlobExpectation): string | undefined {
  if (expect === undefined) return undefined
  return expect.kind === 'absent' ? NONE : expect.etag
}

function stillTheSame(cause: unknown): UmbraError {
  return new UmbraError('CONFLICT', 'the store refused the blob, though it holds the version it was for', {
    cause,
  })
}
