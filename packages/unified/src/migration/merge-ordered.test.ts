import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inGroups, mergeOrdered } from './merge-ordered.ts'

async function* from<T>(items: readonly T[]) {
  yield* items
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

const ordered = fc.uniqueArray(fc.integer({ min: 0, max: 40 })).map((items) => items.sort((a, b) => a - b))

describe('mergeOrdered', () => {
  it('yields every item of both sequences once, in order, and pairs exactly those that are in both', async () => {
    await fc.assert(
      fc.asyncProperty(ordered, ordered, async (left, right) => {
        const pairs = await collect(mergeOrdered(from(left), from(right), (a, b) => a - b))
        const all = [...new Set([...left, ...right])].sort((a, b) => a - b)
        expect(pairs).toEqual(
          all.map((item) => ({
            source: left.includes(item) ? item : undefined,
            target: right.includes(item) ? item : undefined,
          })),
        )
      }),
    )
  })

  it('ends both sequences when its reader stops', async () => {
    const ended: string[] = []
    async function* endless(name: string) {
      try {
        for (let n = 0; ; n++) yield n
      } finally {
        ended.push(name)
      }
    }
    for await (const pair of mergeOrdered(endless('a'), endless('b'), (a, b) => a - b)) {
      if (pair.source === 3) break
    }
    expect(ended.sort()).toEqual(['a', 'b'])
  })
})

describe('inGroups', () => {
  it('loses nothing and makes no group larger than asked', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer()), fc.integer({ min: 1, max: 7 }), async (items, size) => {
        const groups = await collect(inGroups(from(items), size))
        expect(groups.flat()).toEqual(items)
        expect(groups.slice(0, -1).every((group) => group.length === size)).toBe(true)
        expect(groups.every((group) => group.length > 0 && group.length <= size)).toBe(true)
      }),
    )
  })
})
