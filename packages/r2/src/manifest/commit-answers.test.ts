import { isUmbraError } from '@umbra/core'
import type { CommitPlan } from '@umbra/core'
import { expect, it } from 'vitest'
import { answer } from './commit-answers.ts'
import type { PendingOperation } from './pending-operation.ts'

/** What a group of so many is told, and when a turn ends. */
async function tellAll(size: number, outcomes = size): Promise<string[]> {
  const events: string[] = []
  const group = Array.from({ length: size }, (_, index): PendingOperation => ({
    opId: `op${index}`,
    mutations: [],
    uploads: [],
    resolve: () => events.push(`${index}`),
    reject: (error) => events.push(`${index} ${isUmbraError(error) ? error.code : 'unknown'}`),
  }))
  const plan: CommitPlan = {
    next: undefined,
    outcomes: Array.from({ length: outcomes }, () => ({ kind: 'applied', entries: [] })),
  }
  await answer(group, plan, { nextTurn: async () => void events.push('turn') })
  return events
}

it('those who share a commit hear of it in order, a few in a turn, and none is left out', async () => {
  const events = await tellAll(9)
  expect(events).toEqual(['0', '1', '2', '3', 'turn', '4', '5', '6', '7', 'turn', '8'])
})

it('the last of a large group does not hear of it much later than the first', async () => {
  const events = await tellAll(1_000)
  expect(events.filter((event) => event !== 'turn')).toHaveLength(1_000)
  expect(events.filter((event) => event === 'turn').length).toBeLessThan(32)
})

it('one that the plan has no outcome for is told that too', async () => {
  expect(await tellAll(2, 1)).toEqual(['0', '1 INTERNAL'])
})
