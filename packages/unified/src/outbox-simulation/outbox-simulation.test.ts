import { assertSimulations, findFailure } from '@umbra/core/testing'
import { describe, expect, it } from 'vitest'
import { simulateOutbox } from './outbox-simulation.fixture.ts'
import type { OutboxSimulation } from './outbox-simulation.fixture.ts'
import { OUTBOX_MISTAKES } from './outbox-mistakes.fixture.ts'
import { OUTBOX_SUITES } from './outbox-suites.fixture.ts'

describe('an outbox, whatever becomes of requests, processes, clocks and files', () => {
  it.each(OUTBOX_SUITES)(
    'has each operation happen once and in order, or be listed: $name',
    async ({ simulation, plans }) => {
      await assertSimulations({ ...simulateOutbox(simulation), runs: { numRuns: plans, seed: 1 } })
    },
    240_000,
  )
})

describe('the check', () => {
  it.each(OUTBOX_MISTAKES)(
    'notices an outbox that $name',
    async ({ seams, setting, seed = 1, properties }) => {
      const simulation: OutboxSimulation = { ...setting, seams }
      const failure = await findFailure({
        ...simulateOutbox(simulation),
        runs: { numRuns: 300, seed, endOnFailure: true },
      })
      expect(failure?.violations.map(({ property }) => property) ?? []).not.toEqual([])
      expect(properties).toContain(failure?.violations[0]?.property)
    },
    240_000,
  )
})
