import { NEVER_WRITTEN } from '@umbra/core'
import type { NamedWrite, ObjectHead } from '@umbra/core'

/**
 * The names of a blob's versions, the newest first: unique, unlike etags, which come back with the content. Kept with the
 * object, so that whoever repeats a write can tell that it was applied.
 */
export type BlobHistory = readonly string[]

/** Versions remembered besides the newest: what fits well into the 2,048 bytes that S3 allows for metadata. */
const REMEMBERED = 16

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
 * What became of a write before it is tried (again). `forgotten`: whether it was applied is not remembered, because all that is
 * came after the version it was first tried over. In a history that goes back to the beginning nothing is forgotten: then that version is of another
 * bucket, or was replaced by something that knows no names, and a write must not be given up for that.
 */
export function fateOf({ opId, since }: NamedWrite, history: BlobHistory): 'applied' | 'open' | 'forgotten' {
  if (history.includes(opId)) return 'applied'
  if (since === undefined || history.includes(since)) return 'open'
  const isWhole = history.length <= REMEMBERED || history.at(-1) === NEVER_WRITTEN
  return isWhole ? 'open' : 'forgotten'
}
