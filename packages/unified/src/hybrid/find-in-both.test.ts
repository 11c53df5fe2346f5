import { createMemoryBackend, createMemoryBody, decodeCursor, parseSearch } from '@umbra/core'
import type { EntryQuery, StorageBackend } from '@umbra/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findInBoth } from './find-in-both.ts'

const namespace = { module: 'm', userId: 'u' }

/** Where a record is; `outdated`: SQLite still has an older revision, about the other subject. */
const places = ['both', 'r2', 'sqlite', 'outdated'] as const

interface Planned {
  readonly id: string
  readonly place: (typeof places)[number]
  readonly second: number
  readonly subject: 'walrus' | 'penguin'
}

const planned: fc.Arbitrary<Planned[]> = fc.uniqueArray(
  fc.record({
    id: fc.stringMatching(/^[a-z]{1,2}$/),
    place: fc.constantFrom(...places),
    second: fc.integer({ min: 0, max: 5 }),
    subject: fc.constantFrom('walrus', 'penguin'),
  }),
  { selector: ({ id }) => id, maxLength: 12 },
)

async function put(backend: StorageBackend, { id, second }: Planned, subject: string, rev: number) {
  const body = createMemoryBody(new TextEncoder().encode(JSON.stringify(subject)))
  const draft = {
    id,
    module: 'm',
    user_id: 'u',
    timestamp: `2026-01-01T00:00:0${second}.000Z`,
    data_type: 'json',
    size: body.size,
    metadata: {},
    sha256: body.sha256,
    record_count: null,
    text: subject,
  } as const
  await backend.commit(namespace, [{ kind: 'put', draft, body, expect: { kind: 'absent' }, rev }])
}

async function store(records: readonly Planned[]) {
  const parts = { primary: createMemoryBackend(), secondary: createMemoryBackend() }
  for (const record of records) {
    const { place, subject } = record
    if (place !== 'sqlite') await put(parts.primary, record, subject, 2)
    if (place === 'both' || place === 'sqlite') await put(parts.secondary, record, subject, 2)
    if (place === 'outdated')
      await put(parts.secondary, record, subject === 'walrus' ? 'penguin' : 'walrus', 1)
  }
  return parts
}

describe('findInBoth', () => {
  it('returns every record once, in order, from R2 where R2 has it, whatever the page size', async () => {
    await fc.assert(
      fc.asyncProperty(
        planned,
        fc.constantFrom('oldest', 'newest'),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom(undefined, 'walrus'),
        async (records, order, limit, word) => {
          const parts = await store(records)
          const query: EntryQuery = {
            order,
            limit,
            ...(word !== undefined && { match: parseSearch(word, 'words') }),
          }
          const seen: { id: string; storedIn: string; text: string }[] = []
          for (let next: EntryQuery | undefined = query; next !== undefined;) {
            const page = await findInBoth(parts, namespace, next)
            expect(page.items.length).toBeLessThanOrEqual(limit)
            seen.push(
              ...page.items.map(({ entry, storedIn }) => ({ id: entry.id, storedIn, text: entry.text })),
            )
            next =
              page.cursor === undefined ? undefined : { ...query, after: decodeCursor(page.cursor, order) }
          }
          const oldest = records
            .filter(({ subject }) => word === undefined || subject === word)
            .toSorted((a, b) => a.second - b.second || (a.id < b.id ? -1 : 1))
            .map(({ id, place, subject }) => ({
              id,
              storedIn: place === 'sqlite' ? 'sqlite' : 'r2',
              text: subject,
            }))
          expect(seen).toEqual(order === 'oldest' ? oldest : oldest.toReversed())
        },
      ),
    )
  })
})
