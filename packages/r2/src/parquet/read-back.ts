/** DuckDB's driver drops a byte order mark from the beginning of every text it reads; within JSON text it is not the first. */
export function isReadBackExactly(text: string): boolean {
  return !text.startsWith('\u{feff}')
}
