import { compareCodePoints, sumEntries } from '@umbra/core'
import type { ManifestEntry, PartPointer } from '@umbra/core'

/** What a pointer says of the entries behind it. There must be at least one. */
export function summarize(
  entries: readonly ManifestEntry[],
): Pick<PartPointer, 'rows' | 'dels' | 'ids' | 'at' | 'sum'> {
  return {
    rows: entries.length,
    dels: entries.filter(({ op }) => op === 'del').length,
    ids: range(entries.map(({ id }) => id)),
    at: range(entries.map(({ timestamp }) => timestamp)),
    sum: sumEntries(entries),
  }
}

function range(values: readonly string[]): readonly [string, string] {
  let [low = '', high = ''] = [values[0], values[0]]
  for (const value of values) {
    if (compareCodePoints(value, low) < 0) low = value
    if (compareCodePoints(value, high) > 0) high = value
  }
  return [low, high]
}
