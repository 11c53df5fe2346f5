import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addSums, EMPTY_SUM, sumEntries } from '@umbra/core'
import type { ManifestEntry } from '@umbra/core'
import type { LocalPart } from '../manifest/run-format.ts'
import { collect } from '../parquet/parquet.fixture.ts'
import { compareIds, entryArbitrary } from './entries.fixture.ts'
import { toPart, useRunFormat } from './runs.fixture.ts'
import type { RunBench } from './runs.fixture.ts'

const inOnePiece = useRunFormat()
const inSlices = useRunFormat({ sliceRows: 3 })

interface Input {
  readonly kind: 'run' | 'segment'
  readonly entries: readonly ManifestEntry[]
}

const fewIds = fc
  .tuple(entryArbitrary, fc.constantFrom('a', 'b', '\u{10000}', '\uffff'), fc.constantFrom('k1', 'k2', 'k3'))
  .map(([entry, id, key]): ManifestEntry => ({ ...entry, id, key }))
const input: fc.Arbitrary<Input> = fc.oneof(
  fc.record({ kind: fc.constant('segment' as const), entries: fc.array(fewIds, { maxLength: 8 }) }),
  fc.record({
    kind: fc.constant('run' as const),
    entries: fc.uniqueArray(fewIds, { minLength: 1, maxLength: 4, selector: ({ id }) => id }),
  }),
)
const bound = fc.option(
  fc.date({ min: new Date('2025-01-01'), max: new Date('2027-01-01'), noInvalidDate: true }),
  {
    nil: undefined,
  },
)

describe('a merge of any parts', () => {
  it('keeps of every id what is newest and accounts for all the rest', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(input, { maxLength: 4 }), bound, (inputs, before) =>
        checkMerge(inOnePiece, inputs, before),
      ),
      { numRuns: 20 },
    )
  })

  it('does so slice by slice when there are many rows', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(input, { maxLength: 4 }), bound, (inputs, before) =>
        checkMerge(inSlices, inputs, before),
      ),
      { numRuns: 10 },
    )
  })
})

async function checkMerge(
  bench: RunBench,
  inputs: readonly Input[],
  before: Date | undefined,
): Promise<void> {
  const parts: LocalPart[] = []
  for (const { kind, entries } of inputs) {
    parts.push(await (kind === 'run' ? bench.run(entries) : bench.segment(entries)))
  }
  const expected = mergePlainly(inputs, before?.toISOString())
  const merged = await bench.format.merge(parts, {
    path: bench.freshPath(),
    ...(before && { dropTombstonesBefore: before.toISOString() }),
  })
  const { run, dropped } = merged
  const kept = run === undefined ? [] : await collect(bench.format.readAll(toPart(run)))
  deepStrictEqual(kept, expected.kept)
  expect(dropped.rows).toBe(expected.dropped.length)
  expect(dropped.sum).toBe(sumEntries(expected.dropped))
  const all = inputs.flatMap(({ entries }) => entries)
  expect(addSums(run?.sum ?? EMPTY_SUM, dropped.sum)).toBe(sumEntries(all))
  expect((await collect(dropped.keys())).toSorted()).toEqual(expected.goneKeys)
  await merged.dispose()
}

/** The same by a map. */
function mergePlainly(inputs: readonly Input[], before: string | undefined) {
  const all = inputs.flatMap(({ entries }) => entries)
  const newest = new Map(all.map((entry) => [entry.id, entry]))
  const isKept = (entry: ManifestEntry): boolean => {
    if (newest.get(entry.id) !== entry) return false
    return entry.op === 'put' || before === undefined || (entry.updated_at ?? entry.timestamp) >= before
  }
  const kept = all.filter(isKept).toSorted(compareIds)
  const dropped = all.filter((entry) => !isKept(entry))
  const keysOf = (entries: readonly ManifestEntry[]) =>
    new Set(entries.filter(({ op }) => op === 'put').map(({ key }) => key))
  const inUse = keysOf(kept)
  const goneKeys = [...keysOf(dropped)].filter((key) => !inUse.has(key)).toSorted()
  return { kept, dropped, goneKeys }
}
