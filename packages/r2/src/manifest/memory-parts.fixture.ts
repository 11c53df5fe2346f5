import { createHash } from 'node:crypto'
import { compareCodePoints, compareEntries, EMPTY_SUM, isAfter, sumEntries, UmbraError } from '@umbra/core'
import type { ManifestEntry } from '@umbra/core'
import type { PartCache } from './part-cache.ts'
import { summarize } from './part-summary.ts'
import type { LocalPart, MergedRun, RunFormat, RunScan, WrittenRun } from './run-format.ts'

export interface MemoryParts {
  readonly cache: PartCache
  readonly runs: RunFormat
  readonly readFile: (path: string) => Promise<Uint8Array>
}

/** Parts in memory and runs as JSON lines: nothing native, so a simulation can run them one step at a time. */
export function createMemoryParts(): MemoryParts {
  const files = new Map<string, Uint8Array>()
  let paths = 0
  const freshPath = () => `memory-${++paths}`
  const bytesOf = (path: string) => files.get(path) ?? new Uint8Array()

  const cache: PartCache = {
    async open(pointer, fetch) {
      if (!files.has(pointer.sha256)) {
        const body = await fetch()
        if (body === undefined) return undefined
        const chunks: Uint8Array[] = []
        for await (const chunk of body) chunks.push(chunk)
        const bytes = Buffer.concat(chunks)
        if (sha256(bytes) !== pointer.sha256)
          throw new UmbraError('CORRUPT', `a part has other bytes than its pointer says. key=${pointer.key}`)
        files.set(pointer.sha256, bytes)
      }
      return { pointer, path: pointer.sha256 }
    },
    temporaryPath: async () => freshPath(),
    async adopt(pointer, path) {
      files.set(pointer.sha256, bytesOf(path))
      files.delete(path)
    },
    async forget(pointer) {
      files.delete(pointer.sha256)
    },
    close: async () => files.clear(),
  }
  return { cache, runs: createJsonRuns(files, bytesOf), readFile: async (path) => bytesOf(path) }
}

function createJsonRuns(files: Map<string, Uint8Array>, bytesOf: (path: string) => Uint8Array): RunFormat {
  const entriesOf = ({ path }: LocalPart) => parse(bytesOf(path))

  function write(entries: readonly ManifestEntry[], path: string): WrittenRun | undefined {
    if (entries.length === 0) return undefined
    const sorted = entries.toSorted((a, b) => compareCodePoints(a.id, b.id))
    const bytes = Buffer.from(sorted.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
    files.set(path, bytes)
    return { ...summarize(sorted), bytes: bytes.byteLength, sha256: sha256(bytes), path, body: bytes }
  }

  return {
    extension: 'jsonl',
    async write(entries, path) {
      const all: ManifestEntry[] = []
      for await (const entry of entries) all.push(entry)
      return write(all, path)
    },
    async merge(parts, { path, dropTombstonesBefore }): Promise<MergedRun> {
      const all = parts.flatMap(entriesOf)
      const newest = new Map(all.map((entry) => [entry.id, entry]))
      const kept = [...newest.values()].filter((entry) => !isExpired(entry, dropTombstonesBefore))
      const dropped = all.filter((entry) => !kept.includes(entry))
      const referred = new Set(kept.filter(({ op }) => op === 'put').map(({ key }) => key))
      const keys = dropped.filter(({ op, key }) => op === 'put' && !referred.has(key)).map(({ key }) => key)
      return {
        run: write(kept, path),
        dropped: {
          rows: dropped.length,
          sum: dropped.length === 0 ? EMPTY_SUM : sumEntries(dropped),
          async *keys() {
            yield* keys
          },
        },
        dispose: async () => {},
      }
    },
    async lookup(part, ids) {
      const wanted = new Set(ids)
      return new Map(entriesOf(part).flatMap((entry) => (wanted.has(entry.id) ? [[entry.id, entry]] : [])))
    },
    async *scan(part, scan) {
      yield* scanned(entriesOf(part), scan)
    },
    async *readAll(part) {
      yield* entriesOf(part)
    },
    close: async () => {},
  }
}

function scanned(entries: readonly ManifestEntry[], scan: RunScan): readonly ManifestEntry[] {
  const { after, order, from, to, containing = [], limit } = scan
  return entries
    .filter(
      (entry) =>
        entry.op === 'put' &&
        (from === undefined || entry.timestamp >= from) &&
        (to === undefined || entry.timestamp < to) &&
        (after === undefined || isAfter(entry, after, order)) &&
        (scan.dataFormat === undefined || entry.data_type === scan.dataFormat) &&
        containing.every((text) => entry.text.includes(text)),
    )
    .sort(compareEntries(order))
    .slice(0, limit)
}

function isExpired({ op, updated_at: deletedAt = '' }: ManifestEntry, before: string | undefined): boolean {
  return op === 'del' && before !== undefined && deletedAt < before
}

function parse(bytes: Uint8Array): ManifestEntry[] {
  const text = Buffer.from(bytes).toString().trimEnd()
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as ManifestEntry)
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
