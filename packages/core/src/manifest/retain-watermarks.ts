import type { HeadHeader, Watermark } from './manifest-head.ts'

/** Writers whose watermarks a head keeps, so that it stays small whatever the number of processes there ever were. */
export const MAX_WRITERS = 64

/**
 * The watermarks of the writers that wrote last. `forgotten` then says up to which version a missing watermark proves
 * nothing: a writer whose attempt was planned as a later version can still tell that it never landed.
 */
export function retainWatermarks(
  watermarks: Readonly<Record<string, Watermark>>,
  forgotten: number,
  maxWriters = MAX_WRITERS,
): Pick<HeadHeader, 'w' | 'forgotten'> {
  const writers = Object.entries(watermarks)
  if (writers.length <= maxWriters) return { w: watermarks, forgotten }
  const newestFirst = writers.sort(([, a], [, b]) => b.seq - a.seq)
  const dropped = newestFirst.slice(maxWriters).map(([, { seq }]) => seq)
  return {
    w: Object.fromEntries(newestFirst.slice(0, maxWriters)),
    forgotten: Math.max(forgotten, ...dropped),
  }
}
