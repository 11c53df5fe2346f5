import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ManifestEntry } from '../records/manifest-entry.ts'
import { parseSearch } from '../search/parse-search.ts'
import { compareEntries } from './entry-order.ts'
import type { EntryPosition, EntryQuery } from './entry-query.ts'
import { selectEntries } from './select-entries.ts'

function entryOf(changes: Partial<ManifestEntry>): ManifestEntry {
  return {
    id: 'a',
    module: 'm',
    user_id: 'u',
    timestamp: '2024-01-01T00:00:00.000Z',
    data_type: 'json',
    key: 'm/u/2024/01/01/a.json',
    etag: 'e',
    size: 2,
    metadata: {},
    rev: 1,
    op: 'put',
    sha256: '',
    record_count: null,
    text: '',
    ...changes,
  }
}

const entries = [
  entryOf({ id: 'a', timestamp: '2024-01-01T00:00:00.000Z', text: 'coffee', metadata: { paid: true, n: 1 } }),
  entryOf({ id: 'b', timestamp: '2024-01-02T00:00:00.000Z', text: 'tea', data_type: 'jsonl' }),
  entryOf({
    id: 'c',
    timestamp: '2024-01-03T00:00:00.000Z',
    text: 'coffee tea',
    metadata: { paid: 'true', n: null },
  }),
  entryOf({ id: 'd', timestamp: '2024-01-04T00:00:00.000Z', text: 'coffee', op: 'del' }),
]
const ids = (query: Partial<EntryQuery>) =>
  selectEntries(entries, { order: 'oldest', limit: 100, ...query })
    .entries.map((entry) => entry.id)
    .join('')

describe('selectEntries', () => {
  it('returns live entries in the order asked for, and never a deleted one', () => {
    expect(ids({})).toBe('abc')
    expect(ids({ order: 'newest' })).toBe('cba')
    expect(ids({ match: parseSearch('-tea', 'words') })).toBe('a')
  })

  it('includes the lower bound of time and excludes the upper', () => {
    const [from, to] = ['2024-01-02T00:00:00.000Z', '2024-01-03T00:00:00.000Z']
    expect(ids({ from })).toBe('bc')
    expect(ids({ to })).toBe('ab')
    expect(ids({ from, to })).toBe('b')
    expect(ids({ from: to, to })).toBe('')
  })

  it('filters by format and by exact metadata values', () => {
    expect(ids({ dataFormat: 'jsonl' })).toBe('b')
    expect(ids({ metadata: { paid: true } })).toBe('a')
    expect(ids({ metadata: { paid: 'true', n: null } })).toBe('c')
    expect(ids({ metadata: { n: 1, paid: false } })).toBe('')
    expect(ids({ metadata: { missing: null } })).toBe('')
    expect(ids({ metadata: {} })).toBe('abc')
  })

  it('searches among what the filters leave', () => {
    expect(ids({ match: parseSearch('cof', 'words') })).toBe('ac')
    expect(ids({ match: parseSearch('offe', 'substring'), from: '2024-01-02T00:00:00.000Z' })).toBe('c')
  })

  it('says whether there is more, also when the last page is full', () => {
    const page = (limit: number) => selectEntries(entries, { order: 'oldest', limit })
    expect([page(2).entries.length, page(2).more]).toEqual([2, true])
    expect([page(3).entries.length, page(3).more]).toEqual([3, false])
  })

  it('returns every entry exactly once, in order, however it is paged', () => {
    const timestamp = fc.constantFrom('2024-01-01T00:00:00.000Z', '2024-01-01T00:00:00.001Z')
    const id = fc.string({ unit: 'binary', minLength: 1, maxLength: 4 })
    const op = fc.constantFrom('put' as const, 'put' as const, 'del' as const)
    const stored = fc.uniqueArray(fc.record({ timestamp, id, op }), {
      selector: (entry) => entry.id,
      maxLength: 40,
    })
    const order = fc.constantFrom('newest' as const, 'oldest' as const)
    fc.assert(
      fc.property(stored, order, fc.integer({ min: 1, max: 7 }), (changes, order, limit) => {
        const all = changes.map(entryOf)
        const paged: ManifestEntry[] = []
        let after: EntryPosition | undefined
        for (let more = true; more; after = paged.at(-1)) {
          const page = selectEntries(all, { order, limit, ...(after && { after }) })
          expect(page.entries.length).toBeLessThanOrEqual(limit)
          expect(page.entries.length === limit || !page.more).toBe(true)
          paged.push(...page.entries)
          more = page.more
        }
        expect(paged).toEqual(all.filter((entry) => entry.op === 'put').toSorted(compareEntries(order)))
      }),
      { numRuns: 500 },
    )
  })
})
