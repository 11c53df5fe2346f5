import { UmbraError } from '@umbra/core'
import { beforeEach, describe, expect, it } from 'vitest'
import { Breaker, isNotTried } from './breaker.ts'
import { DEFAULT_OUTBOX_POLICY } from './outbox-policy.ts'

const away = () => Promise.reject(new UmbraError('UNAVAILABLE', 'no answer'))
const refuses = () => Promise.reject(new UmbraError('FORBIDDEN', 'no'))
const answers = async () => 'yes'

let nowMs: number
let random: number
let told: string[]
let breaker: Breaker

beforeEach(() => {
  nowMs = 1_000_000
  random = 1
  told = []
  breaker = new Breaker({
    clock: { now: () => nowMs, sleep: async () => {} },
    ids: { random: () => random },
    policy: DEFAULT_OUTBOX_POLICY,
    onOpen: () => told.push('open'),
    onClose: () => told.push('close'),
  })
})

const attempt = (call: () => Promise<unknown>) => breaker.run(call).catch((error: unknown) => error)

async function failInARow(): Promise<void> {
  for (let n = 0; n < 3; n++) await attempt(away)
}

/** Lets the break pass, and the try after it fail. Resolves to how long the break was. */
async function failAgain(): Promise<number> {
  const { dueInMs } = breaker
  nowMs += dueInMs
  await attempt(away)
  return dueInMs
}

describe('the breaker opens', () => {
  it('at the third failure in a row', async () => {
    await attempt(away)
    await attempt(away)
    expect(breaker.state).toBe('closed')
    await attempt(away)
    expect(breaker.state).toBe('open')
    expect(told).toEqual(['open'])
  })

  it('when more than half of the last 20 calls failed, though never many in a row', async () => {
    for (let n = 0; n < 10; n++) {
      await attempt(answers)
      await attempt(away)
    }
    expect(breaker.state).toBe('closed')
    // The oldest of the 20, a good one, is forgotten.
    await attempt(away)
    expect(breaker.state).toBe('open')
    nowMs += breaker.dueInMs
    await attempt(answers)
    // What was before does not count any more.
    await attempt(away)
    expect(breaker.state).toBe('closed')
  })

  it('not for answers that say no', async () => {
    for (let n = 0; n < 30; n++) await attempt(refuses)
    expect(told).toEqual([])
  })

  it('once, however many calls that were on their way fail after it', async () => {
    await Promise.all([1, 2, 3, 4, 5, 6].map(() => attempt(away)))
    expect(told).toEqual(['open'])
    expect(breaker.dueInMs).toBe(1_000)
  })
})

describe('while it is open', () => {
  beforeEach(failInARow)

  it('nothing is called, and what is not says so', async () => {
    let calls = 0
    const error = await attempt(async () => calls++)
    expect([calls, isNotTried(error)]).toEqual([0, true])
  })

  it('each break is twice as long as the one before, up to 30 s', async () => {
    const breaks: number[] = []
    for (let n = 0; n < 8; n++) breaks.push(await failAgain())
    expect(breaks).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
    expect(told).toEqual(['open'])
  })

  it('a break is cut by a random part, of up to half', async () => {
    random = 0
    expect(await failAgain()).toBe(1_000)
    expect(breaker.dueInMs).toBe(1_000)
    random = 0.5
    await failAgain()
    expect(breaker.dueInMs).toBe(3_000)
  })

  it('a break ends no later when the clock is set back, and at once when it is hurried', () => {
    nowMs -= 3_600_000
    expect(breaker.dueInMs).toBe(0)
    nowMs += 3_600_000
    expect(breaker.dueInMs).toBe(1_000)
    breaker.hurry()
    expect(breaker.passable).toBe(true)
  })
})

describe('after the break', () => {
  beforeEach(async () => {
    await failInARow()
    nowMs += 1_000
  })

  it('one call is let through, and none beside it', async () => {
    let answer = () => {}
    const first = breaker.run(() => new Promise<string>((resolve) => (answer = () => resolve('yes'))))
    expect([breaker.state, breaker.passable]).toEqual(['half-open', false])
    expect(isNotTried(await attempt(answers))).toBe(true)
    answer()
    expect(await first).toBe('yes')
    expect([breaker.state, breaker.passable]).toEqual(['closed', true])
    expect(told).toEqual(['open', 'close'])
  })

  it.each([
    ['that says yes', answers],
    ['that says no', refuses],
  ])('an answer %s closes it, and the next break is a short one again', async (_, call) => {
    await failAgain()
    await failAgain()
    nowMs += breaker.dueInMs
    await attempt(call)
    expect(breaker.state).toBe('closed')
    await failInARow()
    expect(breaker.dueInMs).toBe(1_000)
    expect(told).toEqual(['open', 'close', 'open'])
  })
})
