/** What was read, so that it can be kept: as JSON, and what JSON does not have as text. */
export function rawText(value: unknown): string {
  return JSON.stringify(value, (_name, one: unknown) => {
    if (typeof one === 'bigint') return one.toString()
    return typeof one === 'number' && !Number.isFinite(one) ? String(one) : one
  })
}
