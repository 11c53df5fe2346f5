import { partsPrefix, toManifestLine, withRetry } from '@umbra/core'
import type { ManifestEntry, ManifestHead, ManifestLine, Namespace, PartPointer } from '@umbra/core'
import { chooseMerge } from '../manifest/choose-merge.ts'
import { storeGarbage } from '../manifest/garbage-list.ts'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import { mergeParts } from '../manifest/merge-parts.ts'
import { isTailFull } from '../manifest/seal-tail.ts'
import { Snapshot } from '../manifest/snapshot.ts'

/** An entry that was not in any manifest. */
export interface FoundEntry {
  readonly entry: ManifestEntry
  /** When its body was stored: milliseconds since the epoch. */
  readonly storedAt: number
}

/** So many times an overfull tail is collected before it becomes a run: some 8,000 entries. */
const BATCH_FACTOR = 8

/** Object keys held before they are written to a list. */
const MAX_DISCARDED = 10_000

/**
 * The manifest that a rebuild is about to write. Entries may come in any number: what does not fit into a head becomes runs at once, so memory is bounded.
 */
export class RebuildDraft {
  readonly #namespace: Namespace
  readonly #context: ManifestContext
  readonly #created: PartPointer[] = []
  #head: ManifestHead
  #discarded: string[] = []

  constructor(namespace: Namespace, head: ManifestHead, context: ManifestContext) {
    this.#namespace = namespace
    this.#head = head
    this.#context = context
  }

  get head(): ManifestHead {
    return this.#head
  }

  /** Takes of every id the newest entry, if it is newer than what is known: see {@link isNewerThan}. Returns those taken. */
  async adopt(candidates: readonly FoundEntry[]): Promise<readonly ManifestEntry[]> {
    const newest = new Map<string, FoundEntry>()
    for (const found of candidates) {
      const other = newest.get(found.entry.id)
      const isLater = found.entry.rev === other?.entry.rev && found.storedAt > other.storedAt
      if (other === undefined || isLater || found.entry.rev > other.entry.rev)
        newest.set(found.entry.id, found)
    }
    const known = await this.current([...newest.keys()])
    const { tombstoneMs } = this.#context.limits
    const taken = [...newest.values()].filter((found) =>
      isNewerThan(known.get(found.entry.id), { ...found, tombstoneMs }),
    )
    const entries = taken.map(({ entry }) => entry)
    await this.#append(entries)
    const all = candidates.map(({ entry }) => entry)
    await this.discard(losers(all, new Map([...known, ...byId(entries)])))
    return entries
  }

  /** Takes entries that are later than everything known of their ids, in their order, whatever their revision. */
  async append(entries: readonly ManifestEntry[]): Promise<void> {
    const last = byId(entries)
    const known = await this.current([...last.keys()])
    await this.#append([...last.values()].filter((entry) => !isSame(entry, known.get(entry.id))))
    await this.discard(losers(entries, last))
  }

  /** Objects to be deleted that are not in a list yet. */
  get discarded(): readonly string[] {
    return this.#discarded
  }

  /** Lists objects to be deleted after their grace. */
  async discard(keys: readonly string[]): Promise<void> {
    this.#discarded.push(...keys)
    if (this.#discarded.length >= MAX_DISCARDED) await this.#storeDiscarded()
  }

  /** What the draft says of these ids now. */
  current(ids: readonly string[]): Promise<ReadonlyMap<string, ManifestEntry>> {
    return new Snapshot(this.#namespace, { head: this.#head, etag: '' }, this.#context).lookup(ids)
  }

  /** Everything that is still held goes where the new head can refer to it. */
  async finish(): Promise<ManifestHead> {
    if (isTailFull(this.#head, this.#context.limits)) await this.#flush()
    if (this.#discarded.length > 0) await this.#storeDiscarded()
    return this.#head
  }

  /** Removes the parts of a draft that will not be used from this machine. */
  async forget(): Promise<void> {
    for (const pointer of this.#created) await this.#context.cache.forget(pointer)
  }

  async #append(entries: readonly ManifestEntry[]): Promise<void> {
    this.#head = { ...this.#head, tail: [...this.#head.tail, ...entries.map(toManifestLine)] }
    const { limits } = this.#context
    if (isTailFull(this.#head, limits, limits.overfull * BATCH_FACTOR)) await this.#flush()
  }

  /** The tail becomes a run; its replaced revisions are given up. */
  async #flush(): Promise<void> {
    const { tail } = this.#head
    const newest = new Map(tail.map(({ entry }) => [entry.id, entry]))
    await this.discard(replacedKeys(tail, newest))
    const part = await this.#storeRun([...newest.values()])
    const { header, parts } = this.#head
    this.#head = {
      ...this.#head,
      header: { ...header, seq: header.seq + 1 },
      parts: part === undefined ? parts : [...parts, part],
      tail: [],
    }
    await this.#merge()
  }

  async #merge(): Promise<void> {
    const { rules, limits } = this.#context
    for (;;) {
      const inputs = chooseMerge(this.#head.parts, limits)
      if (inputs === undefined) return
      const swap = await mergeParts(this.#namespace, { head: this.#head, inputs }, this.#context)
      if (swap.output !== undefined) this.#created.push(swap.output)
      this.#head = rules.applySwap(this.#head, swap) ?? this.#head
    }
  }

  async #storeRun(entries: readonly ManifestEntry[]): Promise<PartPointer | undefined> {
    const { cache, runs, ids, clock, objects, retry } = this.#context
    const path = await cache.temporaryPath(runs.extension)
    const written = await runs.write(toAsync(entries), path)
    if (written === undefined) return undefined
    const { body, path: local, ...summary } = written
    const { header, parts } = this.#head
    const name = `${String(header.seq).padStart(12, '0')}-${ids.next(clock.now())}`
    const pointer: PartPointer = {
      _: 'run',
      key: `${partsPrefix(this.#namespace)}r/L1/${name}.${runs.extension}`,
      level: 1,
      seq: [(parts.at(-1)?.seq[1] ?? 0) + 1, header.seq],
      ...summary,
    }
    // Nobody else can name the key, so whatever has it is this very run.
    await withRetry(() => objects.put(pointer.key, body), retry)
    await cache.adopt(pointer, local)
    this.#created.push(pointer)
    return pointer
  }

  async #storeDiscarded(): Promise<void> {
    const keys = toAsync(this.#discarded)
    this.#discarded = []
    const garbage = await storeGarbage(this.#namespace, { keys, before: this.#head.garbage }, this.#context)
    this.#head = { ...this.#head, garbage }
  }
}

/**
 * Revisions count up, but for a record that was created again so long after its deletion that merges had dropped the
 * tombstone: it begins at 1.
 */
function isNewerThan(
  known: ManifestEntry | undefined,
  { entry, storedAt, tombstoneMs }: FoundEntry & { readonly tombstoneMs: number },
): boolean {
  if (known === undefined || entry.rev > known.rev) return true
  return known.op === 'del' && storedAt >= Date.parse(known.updated_at ?? known.timestamp) + tombstoneMs
}

function byId(entries: readonly ManifestEntry[]): Map<string, ManifestEntry> {
  return new Map(entries.map((entry) => [entry.id, entry]))
}

function isSame(entry: ManifestEntry, known: ManifestEntry | undefined): boolean {
  return known?.key === entry.key && known.rev === entry.rev && known.op === entry.op
}

/** The bodies of entries that are not the current ones of their ids. */
function losers(
  entries: readonly ManifestEntry[],
  current: ReadonlyMap<string, ManifestEntry>,
): readonly string[] {
  const lost = entries.filter(({ id, op, key }) => {
    const winner = current.get(id)
    return op === 'put' && (winner?.op === 'del' || winner?.key !== key)
  })
  return lost.map(({ key }) => key)
}

function replacedKeys(
  tail: readonly ManifestLine[],
  newest: ReadonlyMap<string, ManifestEntry>,
): readonly string[] {
  const used = new Set(Array.from(newest.values(), ({ op, key }) => (op === 'put' ? key : '')))
  const keys = tail.flatMap(({ entry }) => (entry.op === 'put' && !used.has(entry.key) ? [entry.key] : []))
  return [...new Set(keys)]
}

async function* toAsync<T>(items: Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* items
}
