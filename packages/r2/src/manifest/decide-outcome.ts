import type { BaseVersion, ManifestHead } from '@umbra/core'

export interface Attempt {
  /** What it was to replace; undefined when it was to create the manifest. */
  readonly base: BaseVersion | undefined
  readonly next: ManifestHead
  readonly writer: string
}

/**
 * - `landed`: the version is the attempted one or contains it.
 * - `superseded`: the attempt did not land and never will.
 * - `open`: it may still land.
 * - `undecidable`: it never will any more, but whether it did cannot be told from this version.
 */
export type AttemptOutcome = 'landed' | 'superseded' | 'open' | 'undecidable'

/**
 * Decides an attempt whose answer was lost, by a version of the head read later. While the head is still the base nothing
 * is proved, because the request may be on its way. Once it is another version the condition can never hold again, since
 * no two versions have one ETag; then the writer's watermark is in it, or the attempt did not land.
 */
export function decideOutcome(
  { base, next, writer }: Attempt,
  seen: BaseVersion | undefined,
): AttemptOutcome {
  if (seen === undefined || seen.etag === base?.etag) return 'open'
  const header = seen.head.header
  // A rebuilt manifest knows only what was still there: its watermarks may be older than what it contains.
  if (base !== undefined && base.head.header.epoch !== '' && header.epoch !== base.head.header.epoch)
    return 'undecidable'
  const mine = next.header.w[writer]
  const theirs = header.w[writer]
  if (mine === undefined) return 'undecidable'
  // Forgotten as one of many writers; but a version planned later than every forgotten one would still be known.
  if (theirs === undefined) return next.header.seq > header.forgotten ? 'superseded' : 'undecidable'
  if (theirs.n < mine.n) return 'superseded'
  if (theirs.n === mine.n) return theirs.h === mine.h ? 'landed' : 'superseded'
  // Somebody goes on under this writer's name: a copy of the process or of its outbox.
  return 'undecidable'
}
