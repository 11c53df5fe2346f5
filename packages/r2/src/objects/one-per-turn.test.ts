import { describe, expect, it } from 'vitest'
import { createOnePerTurn } from './one-per-turn.ts'

describe('one per turn of the event loop', () => {
  it('lets what the one before has scheduled happen before the next one passes', async () => {
    const turn = createOnePerTurn()
    const events: string[] = []
    const request = async (name: string) => {
      await turn()
      events.push(`${name} prepared`)
      // As Node sends a request: after everything that is running now.
      process.nextTick(() => events.push(`${name} sent`))
    }
    await Promise.all(['a', 'b', 'c'].map(request))
    expect(events.slice(0, 5)).toEqual(['a prepared', 'a sent', 'b prepared', 'b sent', 'c prepared'])
  })

  it('lets one that comes alone pass within the same turn', async () => {
    const turn = createOnePerTurn()
    const events: string[] = []
    for (const name of ['first', 'second']) {
      setImmediate(() => events.push(`turn after ${name}`))
      await turn()
      events.push(name)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(events).toEqual(['first', 'turn after first', 'second', 'turn after second'])
  })
})
