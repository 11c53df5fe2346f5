/** DuckDB's own words; the appender passes on only the second half. */
const OUT_OF_MEMORY = /^Out of Memory|could not (?:allocate|pin) block/

/** What a failure of DuckDB was, as far as its text tells; undefined when it does not. */
export function duckDbFailure(error: unknown): 'interrupted' | 'out-of-memory' | undefined {
  const text = error instanceof Error ? error.message : ''
  if (text.startsWith('INTERRUPT')) return 'interrupted'
  return OUT_OF_MEMORY.test(text) ? 'out-of-memory' : undefined
}
