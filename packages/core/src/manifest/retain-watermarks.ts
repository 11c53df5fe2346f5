import type { Watermark } from './manifest-head.ts'

/** Writers kept beyond {@link RETENTION_MS}, so that the header stays small. */
const MAX_IDLE_WRITERS = 64

/**
 * A watermark is needed as long as its writer may still ask whether an operation landed. A commit is settled or given
 * up in seconds; an hour is far beyond that.
 */
const RETENTION_MS = 60 * 60 * 1_000

type Watermarks = Readonly<Record<string, Watermark>>

/** All watermarks of the last hour, and of the older ones the newest {@link MAX_IDLE_WRITERS}. */
export function retainWatermarks(watermarks: Watermarks, at: string): Watermarks {
  const writers = Object.entries(watermarks)
  if (writers.length <= MAX_IDLE_WRITERS) return watermarks
  const oldest = new Date(Date.parse(at) - RETENTION_MS).toISOString()
  const newestFirst = writers.sort(([, a], [, b]) => (a.at < b.at ? 1 : -1))
  return Object.fromEntries(
    newestFirst.filter(([, { at: appliedAt }], rank) => rank < MAX_IDLE_WRITERS || appliedAt >= oldest),
  )
}
