import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createIdSource,
  createMemoryBody,
  parseSearch,
  recordEtag,
  selectEntries,
  systemClock,
} from '@umbra/core'
import type { EntryQuery, ManifestEntry, Mutation } from '@umbra/core'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { createDiskPartCache } from '../cache/disk-part-cache.ts'
import { createParquetRunFormat } from '../runs/parquet-run-format.ts'
import { findEntries } from './find-entries.ts'
import { MANIFEST_LIMITS } from './manifest-limits.ts'
import { createMemoryParts } from './memory-parts.fixture.ts'
import type { MemoryParts } from './memory-parts.fixture.ts'
import { NamespaceManifest } from './namespace-manifest.ts'
import { createSegmentReader } from './segment-reader.ts'
import { createSimulatedContext } from './simulated-context.fixture.ts'
import { createSimulatedStore } from './simulated-store.fixture.ts'

const namespace = { module: 'm', userId: 'u' }
const LIMITS = { ...MANIFEST_LIMITS, tailLines: 3, overfull: 2, fanOut: 2, maxParts: 4 }

interface Change {
  readonly id: string
  readonly kind: 'put' | 'del'
  readonly day: number
  readonly words: readonly string[]
  readonly tag: string
}

const changes = fc.array(
  fc.record<Change>({
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', '\u{e000}', '\u{1f600}'),
    kind: fc.constantFrom('put', 'put', 'put', 'del'),
    day: fc.integer({ min: 1, max: 9 }),
    words: fc.array(fc.constantFrom('tea', 'coffee', 'cof', 'milk', "o'clock"), { maxLength: 4 }),
    tag: fc.constantFrom('x', 'y'),
  }),
  { minLength: 10, maxLength: 40, size: 'max' },
)

const queries = fc.array(
  fc.record(
    {
      order: fc.constantFrom('newest' as const, 'oldest' as const),
      limit: fc.integer({ min: 1, max: 5 }),
      from: fc.integer({ min: 1, max: 9 }).map(at),
      to: fc.integer({ min: 1, max: 9 }).map(at),
      dataFormat: fc.constantFrom('json' as const, 'binary' as const),
      metadata: fc.record({ tag: fc.constantFrom('x', 'y') }),
      match: fc
        .constantFrom('coffee', 'cof', 'tea -milk', '"tea coffee"', 'tag:x', "o'clock", 'absent')
        .map((text) => parseSearch(text, 'words')),
    },
    { requiredKeys: ['order', 'limit'] },
  ),
  { minLength: 3, maxLength: 6 },
)

function at(day: number): string {
  return `2026-01-0${day}T00:00:00.000Z`
}

function toMutation(
  { id, kind, day, words, tag }: Change,
  current: ManifestEntry | undefined,
): Mutation | undefined {
  const live = current?.op === 'put' ? current : undefined
  const etag = live && recordEtag(live)
  if (kind === 'del') {
    return etag === undefined
      ? undefined
      : { kind: 'delete', id, expect: { kind: 'etag', etag }, at: at(day) }
  }
  const body = createMemoryBody(new TextEncoder().encode(words.join(' ')))
  return {
    kind: 'put',
    body,
    expect: etag === undefined ? { kind: 'absent' } : { kind: 'etag', etag },
    draft: {
      id,
      module: namespace.module,
      user_id: namespace.userId,
      timestamp: live?.timestamp ?? at(day),
      data_type: day % 2 === 0 ? 'json' : 'binary',
      size: body.size,
      metadata: { tag },
      sha256: body.sha256,
      record_count: null,
      text: words.join(' '),
    },
  }
}

/** Commits the changes, then asks every query page by page; the answers must be those of a plain list in memory. */
async function compare(
  history: readonly Change[],
  asked: readonly EntryQuery[],
  parts: MemoryParts = createMemoryParts(),
): Promise<number> {
  const store = createSimulatedStore(() => 'none')
  const { cache, runs } = parts
  const bare = createSimulatedContext(store, 'p', { limits: LIMITS, cache, runs })
  const context = { ...bare, segments: createSegmentReader({ ...bare, ...parts }) }
  const manifest = new NamespaceManifest(namespace, context)
  const model = new Map<string, ManifestEntry>()
  for (const one of history) {
    const mutation = toMutation(one, model.get(one.id))
    if (mutation === undefined) continue
    for (const entry of await manifest.commit([mutation])) model.set(entry.id, entry)
  }
  for (const query of asked) {
    for (let after: EntryQuery['after'], pages = 0; pages < 20; pages++) {
      const page = { ...query, ...(after && { after }) }
      const expected = selectEntries(model.values(), page)
      const found = await manifest.read((snapshot) => findEntries(snapshot, page, context))
      expect(found ?? { entries: [], more: false }).toEqual(expected)
      const last = expected.entries.at(-1)
      if (!expected.more || last === undefined) break
      after = { timestamp: last.timestamp, id: last.id }
    }
  }
  await manifest.finish()
  for (const [id, entry] of model) {
    expect(await manifest.read((snapshot) => snapshot.lookupOne(id))).toEqual(entry)
  }
  const head = (await manifest.snapshot())?.version.head
  return head?.parts.filter(({ _: kind }) => kind === 'run').length ?? 0
}

describe('listings, searches and lookups over tail, segments and runs answer as a list in memory would', () => {
  const folders: string[] = []
  afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

  it('with runs as JSON lines', async () => {
    let merged = 0
    const property = fc.asyncProperty(changes, queries, async (history, asked) => {
      merged += await compare(history, asked)
    })
    await fc.assert(property, { numRuns: 150 })
    expect(merged).toBeGreaterThan(150)
  })

  it('with runs as Parquet files', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'umbra-find-'))
    folders.push(directory)
    const runs = createParquetRunFormat()
    const cache = createDiskPartCache({ directory }, { clock: systemClock, ids: createIdSource() })
    try {
      let merged = 0
      const property = fc.asyncProperty(changes, queries, async (history, asked) => {
        merged += await compare(history, asked, { runs, cache, readFile })
      })
      await fc.assert(property, { numRuns: 12 })
      expect(merged).toBeGreaterThan(0)
    } finally {
      await runs.close()
      await cache.close()
    }
  })
})
