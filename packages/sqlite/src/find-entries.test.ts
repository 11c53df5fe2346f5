import { decodeCursor, selectEntries, tokenize } from '@umbra/core'
import type { EntryQuery, ManifestEntry, SearchExpression, StorageBackend, StoredEntry } from '@umbra/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { creation, NAMESPACE } from './entry-drafts.fixture.ts'
import { createSqliteBackend } from './sqlite-backend.ts'
import { newDatabasePath } from './temporary-folder.fixture.ts'

const COMMON = ['coffee', 'cake', 'c', 'ca', 'tea', '1', '2026']
const RARE = ['strasse', 'καφεσ', 'чай', '茶', '咖', '한국어', 'कॉफी', '𐐨𐐩', 'not', 'and', 'near', 'zz']
const WORDS = [...COMMON, ...RARE]

const commonWord = fc.constantFrom(...COMMON)
const anyWord = fc.oneof(
  { arbitrary: commonWord, weight: 30 },
  { arbitrary: fc.constantFrom(...RARE), weight: 1 },
)
const fact = fc.constantFrom(
  'Coffee',
  'tea CAKE',
  'Straße',
  'x"y\\z',
  1,
  1.5,
  -0,
  1e21,
  true,
  null,
  '1',
  'caf\u0301e',
)
const metadata = fc.dictionary(
  fc.constantFrom('kind', 'a.b', 'ключ', 'x"y'),
  fc.oneof(fact, fc.array(fact, { maxLength: 2 })),
  {
    maxKeys: 3,
  },
)
// Many within one second and one millisecond, some before 1970.
const timestamp = fc
  .tuple(fc.constantFrom(-5_000, 0, 1_700_000_000_000), fc.nat(3), fc.nat(3))
  .map(([start, seconds, ms]) => new Date(start + seconds * 1000 + ms).toISOString())
const population = fc.array(
  fc.record({
    // Code points above U+FFFF sort after those below, unlike UTF-16.
    id: fc
      .tuple(fc.constantFrom('a', '\uffee', '😀', 'é'), fc.nat(100_000))
      .map(([start, n]) => `${start}${n}`),
    timestamp,
    metadata,
    data_type: fc.constantFrom('json', 'jsonl', 'binary'),
    text: fc.array(anyWord, { maxLength: 6 }).map((words) => words.join(' ')),
  }),
  { minLength: 900, maxLength: 900 },
)

const phrase = fc.record({
  kind: fc.constant('phrase' as const),
  tokens: fc.array(fc.oneof(commonWord, fc.constantFrom(...WORDS)), { minLength: 1, maxLength: 2 }),
  prefix: fc.boolean(),
  negated: fc.boolean(),
})
const field = fc.record({
  kind: fc.constant('field' as const),
  field: fc.constantFrom('kind', 'a.b', 'ключ', 'x"y', 'none'),
  tokens: fc.constantFrom('Coffee', 'cake', 'strasse', 'y', '1', 'true', 'null', 'café').map(tokenize),
  negated: fc.boolean(),
})
const match: fc.Arbitrary<SearchExpression> = fc.oneof(
  fc.record({
    mode: fc.constant('tokens' as const),
    terms: fc.array(fc.oneof({ arbitrary: phrase, weight: 3 }, { arbitrary: field, weight: 1 }), {
      minLength: 1,
      maxLength: 3,
    }),
  }),
  fc.record({
    mode: fc.constant('substring' as const),
    needle: fc.constantFrom('c', 'fee ca', '茶', 'zz', 'e', '%'),
  }),
)
const page = {
  order: fc.constantFrom('newest' as const, 'oldest' as const),
  limit: fc.constantFrom(1, 2, 7, 50, 1000),
}
const filters = {
  from: timestamp,
  to: timestamp,
  dataFormat: fc.constantFrom('json' as const, 'binary' as const),
  metadata: fc.dictionary(fc.constantFrom('kind', 'a.b', 'x"y'), fact, { minKeys: 1, maxKeys: 1 }),
}
const query: fc.Arbitrary<EntryQuery> = fc.oneof(
  fc.record({ ...page, match }),
  fc.record({ ...page, match, ...filters }, { requiredKeys: ['order', 'limit'], noNullPrototype: true }),
)

const idsOf = (entries: readonly ManifestEntry[]) => entries.map(({ id }) => id)

/** JSON has no -0; queries may still ask for it. */
const throughJson = ({ entry }: StoredEntry) => JSON.parse(JSON.stringify(entry)) as ManifestEntry

async function allPages(backend: StorageBackend, first: EntryQuery): Promise<ManifestEntry[]> {
  const found: ManifestEntry[] = []
  let next: EntryQuery = first
  for (;;) {
    const page = await backend.findEntries(NAMESPACE, next)
    expect(page.items.length).toBeLessThanOrEqual(first.limit)
    found.push(...page.items.map(({ entry }) => entry))
    if (page.cursor === undefined) return found
    next = { ...first, after: decodeCursor(page.cursor, first.order) }
  }
}

it('finds, orders and pages exactly as core defines it', { timeout: 60_000 }, async () => {
  const backend = await createSqliteBackend({ path: await newDatabasePath(), durability: 'relaxed' })
  const [drafts = []] = fc.sample(population, { numRuns: 1, seed: 7 })
  const unique = [...new Map(drafts.map((draft) => [draft.id, draft])).values()]
  const mutations = unique.map(({ id, ...draft }) => creation(id, id, draft))
  const entries = (await backend.commit(NAMESPACE, mutations)).map(throughJson)
  // Another namespace with the same texts must make no difference.
  const stranger = { module: 'finance', userId: 'user1234' }
  await backend.commit(
    stranger,
    mutations
      .slice(0, 100)
      .map((mutation) => ({ ...mutation, draft: { ...mutation.draft, user_id: stranger.userId } })),
  )
  await fc.assert(
    fc.asyncProperty(query, async (asked) => {
      const expected = selectEntries(entries, { ...asked, limit: entries.length }).entries
      const pageable = asked.limit < 7 && expected.length > 100 ? { ...asked, limit: 50 } : asked
      expect(idsOf(await allPages(backend, pageable))).toEqual(idsOf(expected))
    }),
    { numRuns: 400 },
  )
  await backend.close()
})

it('finds a rare word behind a common beginning, beyond the first candidates', async () => {
  const backend = await createSqliteBackend({ path: await newDatabasePath(), durability: 'relaxed' })
  const needles = new Set([0, 600, 1199])
  const mutations = Array.from({ length: 1200 }, (_, n) =>
    creation(`r${n}`, 'x', {
      timestamp: new Date(1_700_000_000_000 + n * 250).toISOString(),
      text: needles.has(n) ? 'common zebra' : 'common horse',
    }),
  )
  await backend.commit(NAMESPACE, mutations)
  const terms = [
    { kind: 'phrase', tokens: ['common'], prefix: false, negated: false },
    { kind: 'phrase', tokens: ['zeb'], prefix: true, negated: false },
  ] as const
  const page = await backend.findEntries(NAMESPACE, {
    order: 'newest',
    limit: 10,
    match: { mode: 'tokens', terms },
  })
  expect(page.items.map(({ entry }) => entry.id)).toEqual(['r1199', 'r600', 'r0'])
  await backend.close()
})

it('answers queries as long and with as many terms as core accepts', async () => {
  const backend = await createSqliteBackend({ path: await newDatabasePath(), durability: 'relaxed' })
  const han = '茶'.repeat(500)
  await backend.commit(NAMESPACE, [creation('a', 'x', { text: Array.from(han).join(' ') }), creation('b')])
  const phrase = { kind: 'phrase', tokens: Array.from(han), prefix: true, negated: false } as const
  const single = { kind: 'phrase', tokens: ['茶'], prefix: false, negated: false } as const
  const absent = { kind: 'phrase', tokens: ['b'], prefix: false, negated: true } as const
  const terms = [
    phrase,
    ...Array.from({ length: 15 }, () => single),
    ...Array.from({ length: 16 }, () => absent),
  ]
  const page = await backend.findEntries(NAMESPACE, {
    order: 'oldest',
    limit: 10,
    match: { mode: 'tokens', terms },
  })
  expect(page.items.map(({ entry }) => entry.id)).toEqual(['a'])
  await backend.close()
})
