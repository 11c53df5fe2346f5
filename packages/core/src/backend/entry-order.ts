import type { EntryPosition, EntryQuery } from './entry-query.ts'

/**
 * Sorts entries by timestamp, then id; `newest` is exactly the reverse of `oldest`. Ids compare by code points, which is
 * the order of their UTF-8 bytes and so the order SQLite and DuckDB sort text in.
 */
export function compareEntries(order: EntryQuery['order']): (a: EntryPosition, b: EntryPosition) => number {
  return order === 'oldest' ? comparePositions : (a, b) => comparePositions(b, a)
}

/** Whether an entry comes strictly after a position in the given order. */
export function isAfter(entry: EntryPosition, position: EntryPosition, order: EntryQuery['order']): boolean {
  return compareEntries(order)(entry, position) > 0
}

function comparePositions(a: EntryPosition, b: EntryPosition): number {
  return compareCodePoints(a.timestamp, b.timestamp) || compareCodePoints(a.id, b.id)
}

/** Like `<` on strings, except that characters above U+FFFF sort last: `<` compares their surrogates, which sort before U+E000. */
export function compareCodePoints(a: string, b: string): number {
  if (a === b) return 0
  const shared = Math.min(a.length, b.length)
  for (let index = 0; index < shared; index++) {
    const left = a.charCodeAt(index)
    const right = b.charCodeAt(index)
    if (left !== right) return surrogatesLast(left) - surrogatesLast(right)
  }
  return a.length - b.length
}

/** Swaps the surrogates (U+D800 to U+DFFF) with the 8,192 units above them. */
function surrogatesLast(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}
