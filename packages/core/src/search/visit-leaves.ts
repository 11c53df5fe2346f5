/** As deep as a JSON value may be stored. Also what ends the walk in a parquet row that contains itself. */
const MAX_DEPTH = 500

/**
 * Calls `visit` with each string, number and date in a value, as text, until it returns false. Keys, booleans and nulls
 * are not visited. Returns whether everything was: false after `visit` returned false, or below 500 levels.
 */
export function visitLeaves(value: unknown, visit: (leaf: string) => boolean, depth = 0): boolean {
  if (typeof value === 'string') return visit(value)
  if (typeof value === 'number' || typeof value === 'bigint') return visit(String(value))
  if (typeof value !== 'object' || value === null) return true
  if (value instanceof Date) return Number.isNaN(value.getTime()) || visit(value.toISOString())
  if (depth === MAX_DEPTH) return false
  const children: readonly unknown[] = Array.isArray(value) ? value : Object.values(value)
  return children.every((child) => visitLeaves(child, visit, depth + 1))
}
