import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareCodePoints, compareEntries, isAfter } from './entry-order.ts'

/** Around the places where UTF-16 and UTF-8 order differ. */
const unit = fc.constantFrom(
  'a',
  'b',
  'é',
  '\ud7ff',
  '\ue000',
  '\uffee',
  '\u{10000}',
  '\u{1f600}',
  '\u{10ffff}',
)
const wellFormed = fc.oneof(fc.string({ unit, maxLength: 5 }), fc.string({ unit: 'binary', maxLength: 5 }))
const position = fc.record({
  timestamp: fc.constantFrom(
    '2024-01-01T00:00:00.000Z',
    '2024-01-01T00:00:00.001Z',
    '2024-02-01T00:00:00.000Z',
  ),
  id: wellFormed,
})

describe('compareCodePoints', () => {
  it('sorts characters above U+FFFF after all others, unlike comparing strings', () => {
    const strings = ['\u{1f600}', '\uffee', 'z', 'Z', 'é', 'za', '']
    expect(strings.toSorted(compareCodePoints)).toEqual(['', 'Z', 'z', 'za', 'é', '\uffee', '\u{1f600}'])
    expect(strings.toSorted()).not.toEqual(strings.toSorted(compareCodePoints))
  })

  it('sorts like the bytes of UTF-8', () => {
    fc.assert(
      fc.property(wellFormed, wellFormed, (a, b) => {
        expect(Math.sign(compareCodePoints(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('compareEntries', () => {
  it('sorts by timestamp, then by id', () => {
    const entries = [
      { timestamp: '2024-01-02T00:00:00.000Z', id: 'a' },
      { timestamp: '2024-01-01T00:00:00.000Z', id: 'b' },
      { timestamp: '2024-01-02T00:00:00.000Z', id: 'B' },
    ]
    const [a, b, upper] = entries
    expect(entries.toSorted(compareEntries('oldest'))).toEqual([b, upper, a])
    expect(entries.toSorted(compareEntries('newest'))).toEqual([a, upper, b])
  })

  it('is one total order read in two directions', () => {
    fc.assert(
      fc.property(position, position, (a, b) => {
        const sign = Math.sign(compareEntries('oldest')(a, b))
        expect(Math.sign(compareEntries('newest')(b, a))).toBe(sign)
        expect(sign === 0).toBe(a.timestamp === b.timestamp && a.id === b.id)
        expect(isAfter(a, b, 'oldest')).toBe(sign > 0)
        expect(isAfter(a, b, 'newest')).toBe(sign < 0)
      }),
    )
  })
})
