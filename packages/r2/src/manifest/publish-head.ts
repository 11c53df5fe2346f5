import {
  hasErrorCode,
  headContentType,
  headKey,
  isUmbraError,
  renderHead,
  retryDelayMs,
  UmbraError,
} from '@umbra/core'
import type { BaseVersion, Namespace, PartSwap } from '@umbra/core'
import { MULTIPART_THRESHOLD_BYTES } from '../objects/r2-object-store.ts'
import type { Attempt } from './decide-outcome.ts'
import type { HeadPacer } from './head-pacer.ts'
import { readHeadVersion } from './head-version.ts'
import type { ManifestContext } from './manifest-context.ts'
import { isAnswer } from './may-have-landed.ts'

export interface PublishRequest extends Attempt {
  readonly namespace: Namespace
  readonly pacer: HeadPacer
  /** What the version carries besides operations. */
  readonly swap: PartSwap | undefined
}

export type PublishOutcome =
  /** `version` is the one written, or a later one that contains it. */
  | { readonly kind: 'landed'; readonly version: BaseVersion }
  /** Proved never to land: another version took its place. */
  | { readonly kind: 'superseded'; readonly version: BaseVersion }
  /** It will not land any more, and whether it did cannot be told. */
  | { readonly kind: 'undecidable'; readonly version: BaseVersion }
  /** Not known within the time limit: it may land as long as the head is still the base. */
  | { readonly kind: 'unknown'; readonly cause: unknown }

/**
 * Stores a version over exactly its base, and finds out whether that happened.
 *
 * Every attempt sends the same body with the same condition, so at most one lands, and a repeat does no harm. An attempt
 * without a clear answer is settled by looking at the head: see {@link decideOutcome}.
 */
export async function publishHead(
  request: PublishRequest,
  context: ManifestContext,
): Promise<PublishOutcome> {
  const key = headKey(request.namespace)
  const body = renderHead(request.next)
  if (body.byteLength > MULTIPART_THRESHOLD_BYTES) throw tooLarge(request.namespace, body.byteLength)
  const condition =
    request.base === undefined ? ({ ifNoneMatch: '*' } as const) : { ifMatch: request.base.etag }
  const options = { ...condition, contentType: headContentType(body) }
  const deadline = context.clock.now() + context.commitTimeoutMs
  let open = false
  let unanswered = false
  for (let attempt = 1; ; attempt++) {
    try {
      request.pacer.noteWrite()
      const { etag } = await context.objects.put(key, body, options)
      request.pacer.noteWrite()
      return { kind: 'landed', version: { head: request.next, etag } }
    } catch (error) {
      open ||= context.rules.mayHaveLanded(error)
      unanswered ||= !isAnswer(error)
      if (!open && !isRetryable(error)) throw error
      const late = context.clock.now() >= deadline
      if (late && !open) throw error
      const decided = late || isAnswer(error) ? await settleQuietly(request, unanswered, context) : undefined
      if (decided !== undefined) return decided
      if (late || !isRepeatable(error)) return { kind: 'unknown', cause: error }
      await context.clock.sleep(resendDelayMs(error, attempt, { request, context }))
    }
  }
}

/** Decides an outcome by what the head is now; undefined while it is still the base, which proves nothing. */
export async function settle(
  request: PublishRequest,
  context: ManifestContext,
): Promise<PublishOutcome | undefined> {
  const read = await readHeadVersion(request.namespace, request.base, context)
  const version = read.kind === 'version' ? read.version : request.base
  const outcome = context.rules.decideOutcome(request, version)
  return outcome === 'open' || version === undefined ? undefined : { kind: outcome, version }
}

/**
 * A head that cannot be read leaves the outcome open: it is no proof of anything. A damaged one is what the caller must
 * hear of, unless an attempt went unanswered and may have been in it.
 */
async function settleQuietly(
  request: PublishRequest,
  unanswered: boolean,
  context: ManifestContext,
): Promise<PublishOutcome | undefined> {
  try {
    return await settle(request, context)
  } catch (cause) {
    if (!hasErrorCode(cause, 'CORRUPT', 'UNSUPPORTED')) return undefined
    if (unanswered) return { kind: 'unknown', cause }
    throw cause
  }
}

/** A head sent in parts would not be compared and swapped, so it must fit into one request. */
function tooLarge(namespace: Namespace, bytes: number): UmbraError {
  return new UmbraError(
    'TOO_LARGE',
    `the head of the manifest does not fit into one request; store less metadata per record. bytes=${bytes}`,
    {
      details: { ...namespace, bytes, limitBytes: MULTIPART_THRESHOLD_BYTES, outcome: 'not-applied' },
    },
  )
}

function isRetryable(error: unknown): boolean {
  return isUmbraError(error) && error.retryable
}

/** Worth sending again. 412 and 404: another version was there first, or an earlier attempt of ours. */
function isRepeatable(error: unknown): boolean {
  return isRetryable(error) || hasErrorCode(error, 'PRECONDITION_FAILED', 'NOT_FOUND')
}

function resendDelayMs(
  error: unknown,
  attempt: number,
  { request, context }: { request: PublishRequest; context: ManifestContext },
): number {
  const delayMs = retryDelayMs(context.retry.policy, attempt, context.retry.random())
  if (!hasErrorCode(error, 'RATE_LIMITED')) return delayMs
  // "Too many writes of this key": sooner than the interval would only be refused again.
  request.pacer.noteRefusal()
  return Math.max(delayMs, request.pacer.intervalMs)
}
