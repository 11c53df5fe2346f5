import { NEVER_WRITTEN } from '@umbra/core'
import { expect, it } from 'vitest'
import { fateOf, historyAfter, historyOf } from './blob-history.ts'
import type { BlobHistory } from './blob-history.ts'

/** So many versions, as they are read back from the newest. */
function versions(count: number): { readonly names: string[]; readonly history: BlobHistory } {
  let history: BlobHistory = [NEVER_WRITTEN]
  const names = Array.from({ length: count }, (_, n) => `01KAXW8G00000000000000${String(n).padStart(4, '0')}`)
  for (const name of names) history = historyOf({ etag: 'x', metadata: { ...historyAfter(name, history) } })
  return { names, history }
}

it('a version knows those it replaced, the newest first, and no more than fit', () => {
  const { names, history } = versions(3)
  expect(history).toEqual([...names.toReversed(), NEVER_WRITTEN])
  const many = versions(100)
  expect(many.history).toEqual(many.names.toReversed().slice(0, 17))
  expect(historyAfter('next', many.history).replaced.length).toBeLessThan(1_024)
})

it('an object that somebody else wrote is a version of its own', () => {
  expect(historyOf({ etag: 'x', metadata: {} })).toEqual(['foreign-x'])
})

it('a write is known by its name, among the last ones', () => {
  const { names, history } = versions(10)
  expect(names.map((opId) => fateOf({ opId, since: undefined }, history))).toEqual(names.map(() => 'applied'))
  expect(fateOf({ opId: 'new', since: undefined }, history)).toBe('open')
  expect(fateOf({ opId: 'new', since: 'none' }, [NEVER_WRITTEN])).toBe('open')
})

it('a write that is not there was not applied, as long as the version is remembered that it was first tried over', () => {
  const { names, history } = versions(30)
  expect(fateOf({ opId: 'new', since: names.at(-17) }, history)).toBe('open')
  expect(fateOf({ opId: 'new', since: names.at(-18) }, history)).toBe('forgotten')
})

it('a write is not given up for a version of another bucket, or for one that has no name', () => {
  expect(fateOf({ opId: 'new', since: 'elsewhere' }, [NEVER_WRITTEN])).toBe('open')
  expect(fateOf({ opId: 'new', since: 'elsewhere' }, versions(16).history)).toBe('open')
  expect(fateOf({ opId: 'new', since: 'elsewhere' }, versions(17).history)).toBe('forgotten')
  expect(fateOf({ opId: 'new', since: 'none' }, ['foreign-x'])).toBe('open')
})
