import type { Clock } from '@umbra/core'
import type { MigrationProgress } from '../../migration/migration-options.ts'
import { formatBytes, formatCount, formatSeconds } from './format-quantity.ts'
import { createStatusLine } from './status-line.ts'
import type { StatusStream } from './status-line.ts'

export interface ProgressLine {
  update(progress: MigrationProgress): void
  /** Leaves nothing of it on a terminal. */
  clear(): void
}

/** The progress of a migration, in one line. */
export function createProgressLine(stream: StatusStream, clock: Clock): ProgressLine {
  const line = createStatusLine(stream, clock)
  const startedAt = clock.now()
  return {
    update: (progress) => line.show(() => describeProgress(progress, (clock.now() - startedAt) / 1_000)),
    clear: () => line.clear(),
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
