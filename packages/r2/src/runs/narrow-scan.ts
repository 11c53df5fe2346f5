import type { PartPointer } from '@umbra/core'
import type { RunScan } from '../manifest/run-format.ts'

/** How many times more entries than asked for the narrowed time should hold: times are never quite even. */
const MARGIN = 3

/** Fewer rows are read faster whole. */
const MIN_ROWS = 32_768

/**
 * A scan of only the time in which the first `limit` entries should lie, if the run's entries came evenly; undefined when
 * that is no less work. Its entries are the first ones of the whole scan if there are `limit` of them.
 */
export function narrowScan(
  { rows, at: [first, last] }: Pick<PartPointer, 'rows' | 'at'>,
  scan: RunScan & { readonly limit: number },
): RunScan | undefined {
  if (
    rows < MIN_ROWS ||
    scan.dataFormat !== undefined ||
    scan.containing?.some((text) => text !== '') === true
  )
    return undefined
  const low = Math.max(Date.parse(first), Date.parse(scan.from ?? first))
  const high = Math.min(Date.parse(last), Date.parse(scan.to ?? last))
  const spanMs = ((Date.parse(last) - Date.parse(first)) / rows) * scan.limit * MARGIN
  if (scan.order === 'newest') {
    const end = scan.after === undefined ? high : Math.min(high, Date.parse(scan.after.timestamp))
    const start = Math.floor(end - spanMs)
    return start > low ? { ...scan, from: new Date(start).toISOString() } : undefined
  }
  const start = scan.after === undefined ? low : Math.max(low, Date.parse(scan.after.timestamp))
  const end = Math.ceil(start + spanMs) + 1
  return end < high ? { ...scan, to: new Date(end).toISOString() } : undefined
}
