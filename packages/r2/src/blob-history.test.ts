import { CLOCK_SKEW_MS, createIdSource } from '@umbra/core'
import { expect, it } from 'vitest'
import { historyAfter, historyOf, NEVER_WRITTEN, wasApplied } from './blob-history.ts'
import type { BlobHistory } from './blob-history.ts'

/** One source never goes back. */
const idAt = (atMs: number) => createIdSource().next(atMs)
const START = Date.parse('2026-01-01T00:00:00Z')

/** So many versions, one a minute, the first at the start, as they are read back from the newest. */
function versions(
  count: number,
  startAt = START,
): { readonly names: string[]; readonly history: BlobHistory } {
  let history = NEVER_WRITTEN
  const names = Array.from({ length: count }, (_, n) => idAt(startAt + n * 60_000))
  for (const name of names) history = historyOf({ etag: 'x', metadata: { ...historyAfter(name, history) } })
  return { names, history }
}

it('a version knows those it replaced, the newest first, and no more than fit', () => {
  const { names, history } = versions(3)
  expect(history).toEqual([...names.toReversed(), ...NEVER_WRITTEN])
  const many = versions(100)
  expect(many.history).toEqual(many.names.toReversed().slice(0, 17))
  expect(historyAfter(idAt(START), many.history).replaced.length).toBeLessThan(1_024)
})

it('an object that somebody else wrote is a version of its own', () => {
  expect(historyOf({ etag: 'x', metadata: {} })).toEqual(['foreign-x'])
})

it('a write is known by its name, among the last ones', () => {
  const { names, history } = versions(10)
  expect(names.every((name) => wasApplied(name, history))).toBe(true)
  expect(wasApplied(idAt(START), history)).toBe(false)
  expect(wasApplied(idAt(START), NEVER_WRITTEN)).toBe(false)
})

it('a write that may be forgotten counts as one that all the remembered came after, when they surely did', () => {
  const { history } = versions(30)
  const oldestAt = START + 13 * 60_000
  expect(wasApplied(idAt(oldestAt - CLOCK_SKEW_MS - 1), history)).toBe(true)
  expect(wasApplied(idAt(oldestAt - CLOCK_SKEW_MS), history)).toBe(false)
})

it('a write that is queued for long is applied, when too few came since to forget it', () => {
  expect(wasApplied(idAt(START - 10 * CLOCK_SKEW_MS), versions(16).history)).toBe(false)
})
