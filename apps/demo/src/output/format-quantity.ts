const BYTE_UNITS = ['B', 'kB', 'MB', 'GB'] as const

/** With thousands separators: 3,201. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}

/** Decimal units, three significant digits: 13.5 MB. */
export function formatBytes(bytes: number): string {
  const power = Math.min(Math.max(Math.floor(Math.log10(bytes) / 3), 0), BYTE_UNITS.length - 1)
  return `${significant(bytes / 1000 ** power)} ${BYTE_UNITS[power]}`
}

/** Milliseconds below a second, seconds from there on. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000)
    return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`
  return `${(milliseconds / 1000).toFixed(1)} s`
}

/** Things per second: 4,930 records/s. */
export function formatRate(count: number, milliseconds: number, unit: string): string {
  return `${formatCount(count / (milliseconds / 1000))} ${unit}/s`
}

function significant(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
}
