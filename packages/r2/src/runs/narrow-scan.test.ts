import { compareEntries, isAfter } from '@umbra/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RunScan } from '../manifest/run-format.ts'
import { narrowScan } from './narrow-scan.ts'

const ROWS = 100_000
const iso = (second: number) => new Date(Date.parse('2026-01-01T00:00:00Z') + second * 1_000).toISOString()
const day = 86_400

describe('narrowScan', () => {
  it('asks for little of a large run, at the end that the order names', () => {
    const run = { rows: ROWS, at: [iso(0), iso(ROWS)] as const }
    expect(narrowScan(run, { order: 'newest', limit: 100 })).toMatchObject({ from: iso(ROWS - 300) })
    const oldest = narrowScan(run, { order: 'oldest', limit: 100 })
    expect(Date.parse(oldest?.to ?? '')).toBeLessThan(Date.parse(iso(302)))
  })

  it('starts where the page before it ended', () => {
    const run = { rows: ROWS, at: [iso(0), iso(ROWS)] as const }
    const after = { timestamp: iso(50_000), id: 'x' }
    expect(narrowScan(run, { order: 'newest', limit: 10, after })).toMatchObject({ from: iso(49_970) })
  })

  it('leaves small runs, filters that reject most, and times that are not spread alone', () => {
    const at = [iso(0), iso(day)] as const
    expect(narrowScan({ rows: 10, at }, { order: 'newest', limit: 1 })).toBeUndefined()
    const containing = ['rare']
    expect(narrowScan({ rows: ROWS, at }, { order: 'newest', limit: 1, containing })).toBeUndefined()
    expect(narrowScan({ rows: ROWS, at: [iso(0), iso(0)] }, { order: 'newest', limit: 1 })).toBeUndefined()
  })

  it('finds the first entries of the whole scan or fewer than asked for, however the times lie', () => {
    const position = fc.record({
      timestamp: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: day })).map(iso),
      id: fc.string({ minLength: 1, maxLength: 3 }),
    })
    const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
    const query = fc.record({
      order: fc.constantFrom('newest' as const, 'oldest' as const),
      limit: fc.integer({ min: 1, max: 5 }),
      after: optional(position),
      from: optional(position.map(({ timestamp }) => timestamp)),
      to: optional(position.map(({ timestamp }) => timestamp)),
    })
    let narrowed = 0
    fc.assert(
      fc.property(fc.array(position, { minLength: 1, maxLength: 40 }), query, (entries, asked) => {
        const { order, limit, after, from, to } = asked
        const scan = {
          order,
          limit,
          ...(after && { after }),
          ...(from !== undefined && { from }),
          ...(to !== undefined && { to }),
        }
        const times = entries.map(({ timestamp }) => timestamp).toSorted()
        const run = { rows: ROWS, at: [times[0] ?? '', times.at(-1) ?? ''] as const }
        const less = narrowScan(run, scan)
        if (less === undefined) return
        const found = select(entries, less)
        if (found.length === limit) narrowed++
        if (found.length === limit) expect(found).toEqual(select(entries, scan))
      }),
      { numRuns: 2_000 },
    )
    expect(narrowed).toBeGreaterThan(0)
  })
})

function select<T extends { readonly timestamp: string; readonly id: string }>(
  entries: readonly T[],
  { order, after, from, to, limit }: RunScan,
): readonly T[] {
  return entries
    .filter(
      (entry) =>
        (after === undefined || isAfter(entry, after, order)) &&
        (from === undefined || entry.timestamp >= from) &&
        (to === undefined || entry.timestamp < to),
    )
    .toSorted(compareEntries(order))
    .slice(0, limit)
}
