import type { Clock } from '@umbra/core'
import type { MigrationProgress } from '../../migration/migration-options.ts'
import { formatBytes, formatCount, formatSeconds } from './format-quantity.ts'

/** As much of a stream as is needed. */
export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export interface ProgressLine {
  update(progress: MigrationProgress): void
  /** Leaves nothing of it on a terminal. */
  clear(): void
}

/** A log is read later: a line every few seconds is enough. */
const LOG_INTERVAL_MS = 5_000
/** Nobody reads faster. */
const TERMINAL_INTERVAL_MS = 100
const CLEAR_LINE = '\r\u001B[2K'

/** One line that is rewritten on a terminal; elsewhere plain lines now and then. */
export function createProgressLine(stream: ProgressStream, clock: Clock): ProgressLine {
  const onTerminal = stream.isTTY === true
  const intervalMs = onTerminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS
  const startedAt = clock.now()
  let shownAt = onTerminal ? Number.NEGATIVE_INFINITY : startedAt
  return {
    update(progress) {
      const now = clock.now()
      if (now - shownAt < intervalMs) return
      shownAt = now
      const text = describeProgress(progress, (now - startedAt) / 1_000)
      stream.write(onTerminal ? `${CLEAR_LINE}${text.slice(0, (stream.columns ?? 80) - 1)}` : `${text}\n`)
    },
    clear() {
      if (onTerminal) stream.write(CLEAR_LINE)
    },
  }
}

/** How far, how fast, and how long it will take if it goes on like this. */
export function describeProgress(
  { records, totalRecords, bytes }: MigrationProgress,
  seconds: number,
): string {
  const perSecond = records / Math.max(seconds, 0.001)
  const share = totalRecords === 0 ? 100 : Math.floor((records / totalRecords) * 100)
  const left = records === 0 ? '' : `, ${formatSeconds((totalRecords - records) / perSecond)} left`
  return `${share}%  ${formatCount(records)} of ${formatCount(totalRecords)} records, ${formatBytes(bytes)}, ${formatCount(perSecond)} records/s${left}`
}
