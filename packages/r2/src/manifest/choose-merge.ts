import type { PartPointer } from '@umbra/core'

/**
 * Which neighbouring parts to merge next; undefined when there is nothing to do. As many parts of one level as the
 * fan-out become one of the next, so every entry is rewritten once per level and the number of parts grows with the
 * logarithm of the entries. Parts must be neighbours because a newer part hides what an older one says.
 */
export function chooseMerge(
  parts: readonly PartPointer[],
  { fanOut, maxParts }: { readonly fanOut: number; readonly maxParts: number },
): readonly PartPointer[] | undefined {
  const highest = Math.max(0, ...parts.map(({ level }) => level))
  for (let level = 0; level <= highest; level++) {
    const group = neighbours(parts, level).find(({ length }) => length >= fanOut)
    if (group !== undefined) return group.slice(0, fanOut)
  }
  // Levels in disorder (bulk imports append large runs): the cheapest neighbours.
  return parts.length > maxParts ? cheapest(parts, fanOut) : undefined
}

/** The longest stretches of parts of exactly this level. */
function neighbours(parts: readonly PartPointer[], level: number): PartPointer[][] {
  const stretches: PartPointer[][] = [[]]
  for (const part of parts) {
    if (part.level === level) stretches.at(-1)?.push(part)
    else stretches.push([])
  }
  return stretches
}

function cheapest(parts: readonly PartPointer[], count: number): readonly PartPointer[] {
  const windows = parts.slice(count - 1).map((_, start) => parts.slice(start, start + count))
  const rows = (window: readonly PartPointer[]) => window.reduce((total, part) => total + part.rows, 0)
  return windows.reduce((best, window) => (rows(window) < rows(best) ? window : best))
}
