/** What was read, so that it can be kept: as JSON, and what JSON does not have as text. Of what is nested too deeply to be written, only that. */
export function rawText(value: unknown): string {
  try {
    return JSON.stringify(value, (_name, one: unknown) => {
      if (typeof one === 'bigint') return one.toString()
      return typeof one === 'number' && !Number.isFinite(one) ? String(one) : one
    })
  } catch (error) {
    if (error instanceof RangeError) return '"nested too deeply to be kept here; see where it came from"'
    throw error
  }
}
