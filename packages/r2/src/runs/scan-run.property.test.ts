import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ManifestEntry } from '@umbra/core'
import type { RunScan } from '../manifest/run-format.ts'
import { collect } from '../parquet/parquet.fixture.ts'
import { compareIds, entryArbitrary } from './entries.fixture.ts'
import { makeEntry, useRunFormat } from './runs.fixture.ts'

const bench = useRunFormat()

const moments = ['2025-06-01T00:00:00.000Z', '2025-06-01T00:00:00.001Z', '2025-06-02T00:00:00.000Z']
const entry = fc
  .tuple(entryArbitrary, fc.constantFrom(...moments), fc.constantFrom('', 'ab', 'b c', '%_', '\0'))
  .map(([plain, timestamp, text]): ManifestEntry => ({ ...plain, timestamp, text }))
const entries = fc.uniqueArray(entry, { minLength: 1, maxLength: 12, selector: ({ id }) => id })
const scanArbitrary: fc.Arbitrary<RunScan> = fc.record(
  {
    order: fc.constantFrom('newest' as const, 'oldest' as const),
    from: fc.constantFrom(...moments),
    to: fc.constantFrom(...moments),
    dataFormat: fc.constantFrom('json', 'parquet'),
    containing: fc.array(fc.constantFrom('a', 'b', '%', '\0'), { maxLength: 2 }),
    limit: fc.integer({ min: 1, max: 5 }),
  },
  { requiredKeys: ['order'] },
)

describe('a scan', () => {
  it('returns what a filter and a sort would, in order, from any place on', async () => {
    await fc.assert(
      fc.asyncProperty(entries, scanArbitrary, fc.option(entry), async (all, plain, place) => {
        const scan = place === null ? plain : { ...plain, after: place }
        const part = await bench.run(all)
        deepStrictEqual(await collect(bench.format.scan(part, scan)), scanPlainly(all, scan))
      }),
      { numRuns: 30 },
    )
  })

  it('returns everything when it has to go on and on', async () => {
    const start = Date.parse('2026-01-01T00:00:00.000Z')
    const all = Array.from({ length: 6000 }, (_, index) =>
      makeEntry(`${index * 7919}`, { timestamp: new Date(start + (index % 100) * 1000).toISOString() }),
    )
    const part = await bench.run(all)
    for (const order of ['newest', 'oldest'] as const) {
      const found = await collect(bench.format.scan(part, { order }))
      expect(found.map(({ id }) => id)).toEqual(scanPlainly(all, { order }).map(({ id }) => id))
    }
  })
})

function scanPlainly(all: readonly ManifestEntry[], scan: RunScan): ManifestEntry[] {
  const compare = (a: Position, b: Position) => (scan.order === 'oldest' ? 1 : -1) * comparePositions(a, b)
  const { after, from = '', to = '~' } = scan
  return all
    .filter(({ op, timestamp }) => op === 'put' && timestamp >= from && timestamp < to)
    .filter((one) => after === undefined || compare(one, after) > 0)
    .filter(({ data_type }) => scan.dataFormat === undefined || data_type === scan.dataFormat)
    .filter(({ text }) => (scan.containing ?? []).every((part) => text.includes(part)))
    .toSorted(compare)
    .slice(0, scan.limit)
}

type Position = Pick<ManifestEntry, 'timestamp' | 'id'>

function comparePositions(a: Position, b: Position): number {
  if (a.timestamp === b.timestamp) return compareIds(a, b)
  return a.timestamp < b.timestamp ? -1 : 1
}
