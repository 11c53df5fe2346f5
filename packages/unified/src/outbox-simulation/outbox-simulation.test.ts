import { assertSimulations } from '@umbra/core/testing'
import { describe, expect, it } from 'vitest'
import { simulateOutbox } from './outbox-simulation.fixture.ts'

describe('an outbox, whatever becomes of its requests, its process and the clock', () => {
  it('has each operation happen once and in order, or be listed', async () => {
    await assertSimulations({
      ...simulateOutbox(),
      runs: { numRuns: Number(process.env['N'] ?? 50), seed: 1 },
    })
  }, 120_000)
  expect(1).toBe(1)
})
