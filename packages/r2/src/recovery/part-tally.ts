import { addSums, compareCodePoints } from '@umbra/core'
import type { ManifestEntry, PartPointer } from '@umbra/core'
import { summarize } from '../manifest/part-summary.ts'

type Summary = ReturnType<typeof summarize>

/** Entries that are summed at a time. */
const CHUNK = 1_000

/** The same as {@link summarize} over entries that come one by one. */
export class PartTally {
  #total: Summary | undefined
  #chunk: ManifestEntry[] = []

  add(entry: ManifestEntry): void {
    this.#chunk.push(entry)
    if (this.#chunk.length === CHUNK) this.#fold()
  }

  /** What differs from what a pointer says, in a few words; undefined when nothing does. */
  compare(pointer: PartPointer): string | undefined {
    this.#fold()
    const found = this.#total
    if (found === undefined) return pointer.rows === 0 ? undefined : 'it has no entries'
    if (found.rows !== pointer.rows) return `it has ${found.rows} entries instead of ${pointer.rows}`
    if (found.dels !== pointer.dels) return `it has ${found.dels} tombstones instead of ${pointer.dels}`
    if (found.sum !== pointer.sum) return 'its entries have another sum'
    if (String(found.ids) !== String(pointer.ids)) return 'its ids are others'
    return String(found.at) === String(pointer.at) ? undefined : 'its timestamps are others'
  }

  #fold(): void {
    if (this.#chunk.length === 0) return
    const added = summarize(this.#chunk)
    this.#total = this.#total === undefined ? added : join(this.#total, added)
    this.#chunk = []
  }
}

function join(a: Summary, b: Summary): Summary {
  return {
    rows: a.rows + b.rows,
    dels: a.dels + b.dels,
    ids: joinRanges(a.ids, b.ids),
    at: joinRanges(a.at, b.at),
    sum: addSums(a.sum, b.sum),
  }
}

function joinRanges(
  [lowA, highA]: readonly [string, string],
  [lowB, highB]: readonly [string, string],
): readonly [string, string] {
  return [
    compareCodePoints(lowA, lowB) <= 0 ? lowA : lowB,
    compareCodePoints(highA, highB) >= 0 ? highA : highB,
  ]
}
