import { describe, expect, it } from 'vitest'
import { CALLERS_PER_TURN, createFewPerTurn } from './few-per-turn.ts'

describe('few per turn of the event loop', () => {
  it('lets what the first ones have scheduled happen before the next ones pass', async () => {
    const turn = createFewPerTurn()
    const events: string[] = []
    const request = async (_: unknown, index: number) => {
      await turn()
      // As Node sends a request: after everything that is running now.
      process.nextTick(() => events.push(`${index} sent`))
      events.push(`${index} prepared`)
    }
    await Promise.all(Array.from({ length: 2 * CALLERS_PER_TURN }, request))
    const lastOfFirst = events.indexOf(`${CALLERS_PER_TURN - 1} sent`)
    expect(lastOfFirst).toBe(2 * CALLERS_PER_TURN - 1)
    expect(events.indexOf(`${CALLERS_PER_TURN} prepared`)).toBe(lastOfFirst + 1)
  })

  it('lets callers that come one by one pass within their own turn', async () => {
    const turn = createFewPerTurn()
    const events: string[] = []
    const expected: string[] = []
    for (let index = 0; index < 2 * CALLERS_PER_TURN; index++) {
      setImmediate(() => events.push(`turn after ${index}`))
      await turn()
      events.push(`${index}`)
      await new Promise((resolve) => setImmediate(resolve))
      expected.push(`${index}`, `turn after ${index}`)
    }
    expect(events).toEqual(expected)
  })
})
