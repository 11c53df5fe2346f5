import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_PARTS, MIN_PART_BYTES, planParts } from './part-plan.ts'

describe('planParts', () => {
  it('covers any body without gap or overlap, in at most 10,000 equal parts but the last', () => {
    const sizes = fc.oneof(fc.integer({ min: 1, max: 2 ** 30 }), fc.integer({ min: 1, max: 5 * 2 ** 40 }))
    fc.assert(
      fc.property(sizes, (size) => {
        const parts = planParts(size)
        const lengths = parts.map((part) => part.end - part.start)
        const last = lengths.at(-1) ?? 0
        expect(parts.length).toBeLessThanOrEqual(MAX_PARTS)
        expect(parts.map((part) => part.number)).toEqual(parts.map((_, index) => index + 1))
        expect(parts.map((part) => part.start)).toEqual([0, ...parts.slice(0, -1).map((part) => part.end)])
        expect(parts.at(-1)?.end).toBe(size)
        expect(new Set(lengths.slice(0, -1)).size).toBeLessThanOrEqual(1)
        expect(last).toBeGreaterThan(0)
        expect(last).toBeLessThanOrEqual(lengths[0] ?? 0)
        if (parts.length > 1) expect(lengths[0]).toBeGreaterThanOrEqual(MIN_PART_BYTES)
      }),
      { numRuns: 50 },
    )
  })

  it('plans a body of exactly two parts', () => {
    expect(planParts(2 * MIN_PART_BYTES)).toEqual([
      { number: 1, start: 0, end: MIN_PART_BYTES },
      { number: 2, start: MIN_PART_BYTES, end: 2 * MIN_PART_BYTES },
    ])
  })
})
