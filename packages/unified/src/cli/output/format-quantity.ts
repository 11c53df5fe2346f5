const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** With thousands separators: 3,201. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}

/** Decimal units, three significant digits: 13.5 MB. */
export function formatBytes(bytes: number): string {
  const power = Math.min(Math.max(Math.floor(Math.log10(bytes) / 3), 0), BYTE_UNITS.length - 1)
  const value = bytes / 1000 ** power
  return `${value >= 100 ? value.toFixed(0) : Number(value.toPrecision(3))} ${BYTE_UNITS[power]}`
}

/** `4.2 s`, `3 min 07 s`, `2 h 05 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  const pad = (value: number) => String(value).padStart(2, '0')
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`
}

/** Four digits after the point: these sums are small. */
export function formatDollars(dollars: number): string {
  return `$${dollars.toFixed(4)}`
}
