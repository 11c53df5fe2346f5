import { expect, it } from 'vitest'
import { createIdSource } from './id-source.ts'

it('gives ids that are different, in order, and ULIDs, even within one millisecond and when the clock goes back', () => {
  const source = createIdSource()
  const ids = Array.from({ length: 5_000 }, (_, n) => source.next(1_700_000_000_000 + (n % 7)))
  expect(new Set(ids).size).toBe(ids.length)
  expect([...ids].sort()).toEqual(ids)
  expect(ids.every((id) => /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id))).toBe(true)
})

it('gives different ids in every source', () => {
  const ids = Array.from({ length: 200 }, () => createIdSource().next(1_700_000_000_000))
  expect(new Set(ids).size).toBe(200)
})
