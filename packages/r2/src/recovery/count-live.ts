import { addSums, EMPTY_SUM, sumEntries } from '@umbra/core'
import type { LiveSum, ManifestEntry } from '@umbra/core'
import type { PlacedEntry } from './read-entries.ts'

/** Entries that are summed at a time. */
const CHUNK = 1_000

/** Counts the live records among entries that pass by. */
export class LiveCount {
  records = 0
  /** Of their bodies. */
  bytes = 0
  #sum: LiveSum = EMPTY_SUM
  #chunk: ManifestEntry[] = []

  /** Passes the entries on as they are. */
  async *count(entries: AsyncIterable<PlacedEntry>): AsyncGenerator<PlacedEntry, void, undefined> {
    for await (const placed of entries) {
      if (placed.current && placed.entry.op === 'put') this.#add(placed.entry)
      yield placed
    }
  }

  get sum(): LiveSum {
    this.#fold()
    return this.#sum
  }

  #add(entry: ManifestEntry): void {
    this.records++
    this.bytes += entry.size
    if (this.#chunk.push(entry) === CHUNK) this.#fold()
  }

  #fold(): void {
    this.#sum = addSums(this.#sum, sumEntries(this.#chunk))
    this.#chunk = []
  }
}
