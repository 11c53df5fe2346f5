import { CLOCK_SKEW_MS, idTime } from '@umbra/core'
import type { ObjectHead } from '@umbra/core'

/**
 * The names of a blob's versions, the newest first: unique, unlike etags, which come back with the content. Kept with the
 * object, so that whoever repeats a write can tell that it was applied.
 */
export type BlobHistory = readonly string[]

/** Versions remembered besides the newest: what fits well into the 2,048 bytes that S3 allows for metadata. */
const REMEMBERED = 16

/** Not there yet, or gone without a trace. */
export const NEVER_WRITTEN: BlobHistory = ['none']

export function historyOf({ etag, metadata }: Pick<ObjectHead, 'etag' | 'metadata'>): BlobHistory {
  const { id = `foreign-${etag}`, replaced } = metadata
  return replaced === undefined ? [id] : [id, ...replaced.split(',')]
}

/** The metadata of the version that replaces the newest of these. */
export function historyAfter(
  id: string,
  history: BlobHistory,
): { readonly id: string; readonly replaced: string } {
  return { id, replaced: history.slice(0, REMEMBERED).join(',') }
}

/**
 * Whether a write of this name is one of the versions, or so many came since it was queued that it may be forgotten: then it
 * counts as one that all of them came after, which whoever waits for it cannot tell from it.
 */
export function wasApplied(opId: string, history: BlobHistory): boolean {
  if (history.includes(opId)) return true
  const oldest = history.length > REMEMBERED ? history.at(-1) : undefined
  const [queuedAt, since] = [idTime(opId), oldest === undefined ? undefined : idTime(oldest)]
  return queuedAt !== undefined && since !== undefined && since > queuedAt + CLOCK_SKEW_MS
}
