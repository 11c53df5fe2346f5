import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UmbraError } from '../errors/umbra-error.ts'
import { retryDelayMs } from './retry-policy.ts'
import { withRetry } from './with-retry.ts'

const policy = { maxAttempts: 4, baseDelayMs: 100, maxDelayMs: 300 }

function createContext() {
  const delays: number[] = []
  const clock = { now: () => 0, sleep: async (delayMs: number) => void delays.push(delayMs) }
  return { delays, context: { policy, clock, random: () => 0.5 } }
}

describe('withRetry', () => {
  it('returns the first success and waits half the growing, capped ceiling at random 0.5', async () => {
    const { context, delays } = createContext()
    const result = await withRetry(async (attempt) => {
      if (attempt < 4) throw new UmbraError('UNAVAILABLE', 'not yet')
      return attempt
    }, context)
    expect(result).toBe(4)
    expect(delays).toEqual([50, 100, 150])
  })

  it('rejects with the last error once the attempts are used up', async () => {
    const { context, delays } = createContext()
    const failing = withRetry(async (attempt) => {
      throw new UmbraError('TIMEOUT', `attempt ${attempt}`)
    }, context)
    await expect(failing).rejects.toThrow('attempt 4')
    expect(delays).toHaveLength(3)
  })

  it('does not repeat what cannot succeed', async () => {
    const { context, delays } = createContext()
    const failing = withRetry(async () => {
      throw new UmbraError('PRECONDITION_FAILED', 'lost')
    }, context)
    await expect(failing).rejects.toThrow('lost')
    expect(delays).toEqual([])
  })
})

describe('retryDelayMs', () => {
  it('stays between zero and the ceiling for every attempt and draw', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.double({ min: 0, max: 0.999999, noNaN: true }),
        (attempt, random) => {
          const delay = retryDelayMs(policy, attempt, random)
          expect(delay).toBeGreaterThanOrEqual(0)
          expect(delay).toBeLessThan(Math.min(300, 100 * 2 ** (attempt - 1)) || 1)
        },
      ),
    )
  })
})
