import { hasErrorCode, headKey, isUmbraError, renderHead, retryDelayMs, UmbraError } from '@umbra/core'
import type { BaseVersion, ManifestHead, Namespace } from '@umbra/core'
import { readHeadVersion } from './head-version.ts'
import { MULTIPART_THRESHOLD_BYTES } from '../objects/r2-object-store.ts'
import type { ManifestContext } from './manifest-context.ts'

export interface PublishRequest {
  readonly namespace: Namespace
  /** Undefined creates the manifest. */
  readonly base: BaseVersion | undefined
  readonly next: ManifestHead
  readonly writer: string
}

export type PublishOutcome =
  /** `version` is the one written, or a later one that contains it. */
  | { readonly kind: 'landed'; readonly version: BaseVersion }
  /** Proved never to land: another version took its place. */
  | { readonly kind: 'superseded'; readonly version: BaseVersion }
  /** Not known within the time limit: it may land as long as the head is still the base. */
  | { readonly kind: 'unknown'; readonly cause: unknown }

/**
 * Stores a version over exactly its base, and finds out whether that happened.
 *
 * Every attempt sends the same body with the same condition, so at most one lands, and a repeat does no harm. An attempt
 * without a clear answer is settled by looking at the head: while it is still the base, nothing is proved, since the
 * request may be on its way; once it is another version, the writer's watermark is in it or never will be.
 */
export async function publishHead(
  request: PublishRequest,
  context: ManifestContext,
): Promise<PublishOutcome> {
  const key = headKey(request.namespace)
  const body = renderHead(request.next)
  if (body.byteLength > MULTIPART_THRESHOLD_BYTES) throw tooManyRecords(request, body.byteLength)
  const condition =
    request.base === undefined ? ({ ifNoneMatch: '*' } as const) : { ifMatch: request.base.etag }
  const deadline = context.clock.now() + context.commitTimeoutMs
  let ambiguous = false
  for (let attempt = 1; ; attempt++) {
    try {
      const { etag } = await context.objects.put(key, body, {
        ...condition,
        contentType: 'application/x-ndjson',
      })
      return { kind: 'landed', version: { head: request.next, etag } }
    } catch (error) {
      ambiguous ||= mayHaveLanded(error)
      if (!isWorthRepeating(error)) {
        if (!ambiguous) throw error
        return { kind: 'unknown', cause: error }
      }
      const settled = isLostRace(error) ? await settleAfter(ambiguous, request, context) : undefined
      if (settled !== undefined) return settled
      if (context.clock.now() >= deadline) {
        if (!ambiguous) throw error
        return (await settleAfter(ambiguous, request, context)) ?? { kind: 'unknown', cause: error }
      }
      await context.clock.sleep(resendDelayMs(error, attempt, context))
    }
  }
}

/** Decides an outcome by what the head is now; undefined while it is still the base, which proves nothing. */
export async function settle(
  request: PublishRequest,
  context: ManifestContext,
): Promise<PublishOutcome | undefined> {
  const read = await readHeadVersion(request.namespace, request.base, context)
  if (read.kind !== 'version') return undefined
  const { version } = read
  const mine = request.next.header.w[request.writer]
  const theirs = version.head.header.w[request.writer]
  // A watermark that was there and is gone was dropped as idle: it can no longer say anything.
  if (theirs === undefined && request.base?.head.header.w[request.writer] !== undefined) return undefined
  const contained =
    mine !== undefined &&
    theirs !== undefined &&
    (theirs.n > mine.n || (theirs.n === mine.n && theirs.h === mine.h))
  return { kind: contained ? 'landed' : 'superseded', version }
}

/** While an attempt may have landed, a head that cannot be read leaves the outcome open: it is no proof of failure. */
async function settleAfter(
  ambiguous: boolean,
  request: PublishRequest,
  context: ManifestContext,
): Promise<PublishOutcome | undefined> {
  try {
    return await settle(request, context)
  } catch (cause) {
    if (!ambiguous) throw cause
    return { kind: 'unknown', cause }
  }
}

/** A head sent in parts would not be compared and swapped, so it must fit into one request. */
function tooManyRecords({ namespace }: PublishRequest, bytes: number): UmbraError {
  return new UmbraError(
    'TOO_LARGE',
    `the namespace holds too many records for one manifest; use another module or user. bytes=${bytes}`,
    {
      details: { ...namespace, bytes, limitBytes: MULTIPART_THRESHOLD_BYTES, outcome: 'not-applied' },
    },
  )
}

/** 412: another version was there first, or an earlier attempt of ours. 409: the store says so less clearly. */
function isLostRace(error: unknown): boolean {
  return hasErrorCode(error, 'PRECONDITION_FAILED', 'CONFLICT', 'NOT_FOUND')
}

function isWorthRepeating(error: unknown): boolean {
  return isLostRace(error) || (isUmbraError(error) && error.retryable)
}

function mayHaveLanded(error: unknown): boolean {
  return !isUmbraError(error) || error.details['outcome'] !== 'not-applied'
}

function resendDelayMs(error: unknown, attempt: number, context: ManifestContext): number {
  const delayMs = retryDelayMs(context.retry.policy, attempt, context.retry.random())
  // "Too many writes of this key": sooner than the interval would only be refused again.
  return hasErrorCode(error, 'RATE_LIMITED') ? Math.max(delayMs, context.headIntervalMs) : delayMs
}
