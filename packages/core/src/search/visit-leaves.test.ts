import { describe, expect, it } from 'vitest'
import { visitLeaves } from './visit-leaves.ts'

function leavesOf(value: unknown): string[] {
  const leaves: string[] = []
  expect(visitLeaves(value, (leaf) => leaves.push(leaf) > 0)).toBe(true)
  return leaves
}

describe('visitLeaves', () => {
  it('visits strings, numbers and dates in order, and neither keys, booleans nor nulls', () => {
    const value = { a: 'x', b: [1, { c: -2.5 }], d: true, e: null, f: new Date(0), g: 12n, h: undefined }
    expect(leavesOf(value)).toEqual(['x', '1', '-2.5', '1970-01-01T00:00:00.000Z', '12'])
  })

  it('skips an invalid date, which JSON stores as null', () => {
    expect(leavesOf([new Date(Number.NaN), 'x'])).toEqual(['x'])
  })

  it('stops at the first leaf that is refused and says so', () => {
    const visited: string[] = []
    const complete = visitLeaves({ a: ['x', 'y'], b: 'z' }, (leaf) => {
      visited.push(leaf)
      return leaf !== 'y'
    })
    expect(complete).toBe(false)
    expect(visited).toEqual(['x', 'y'])
  })

  it('ends in a value that contains itself twice and says that it did not see all', () => {
    const value: Record<string, unknown> = { a: 'x' }
    value['b'] = value
    value['c'] = value
    expect(visitLeaves(value, () => true)).toBe(false)
  })
})
