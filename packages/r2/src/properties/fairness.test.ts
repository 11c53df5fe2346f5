import { expect, it } from 'vitest'
import { measureFairness } from './measure-fairness.fixture.ts'

it('9. lets nobody starve where a head can be written once a second, and wastes few writes', async () => {
  const [one, two, four] = await Promise.all([1, 2, 4].map((writers) => measureFairness(writers, 20, 1)))
  expect([one?.records, two?.records, four?.records]).toEqual([40, 80, 160])
  // Alone no write is refused. Exponential backoff, the obvious way, took 2.35, 2.75 and 3.36 writes a commit.
  expect(one?.putsPerCommit).toBe(1)
  expect(two?.putsPerCommit).toBeLessThan(1.5)
  expect(four?.putsPerCommit).toBeLessThan(2)
  expect(two?.unfairness).toBeLessThan(2)
  expect(two?.p99).toBeLessThan(10_000)
})
