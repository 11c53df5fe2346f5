import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { recordOperations } from './record-operation.ts'
import { simulate } from './simulate.ts'
import type { SimulationOptions, SimulationResult } from './simulate.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { PlannedOperation, ProcessPlan, SimulationPlan } from './simulation-plan.ts'
import { DEFAULT_STORE_RULES } from './simulation-plan.ts'
import { simulationPlans } from './simulation-plans.ts'
import { formatStory } from './story.ts'
import { createToySystem, HEAD } from './toy-notes.fixture.ts'

/** An operation that is its own code. */
type Act = (process: SimulatedProcess) => Promise<unknown>

type Planned = Partial<PlannedOperation<Act>>

const bytes = new Uint8Array([1, 2, 3])

function planned(operation: Act, more: Planned = {}): PlannedOperation<Act> {
  return { operation, start: 'turn', pauseMs: 0, faults: [], crash: undefined, ...more }
}

function processOf(operations: readonly PlannedOperation<Act>[], more: Partial<ProcessPlan<Act>> = {}) {
  return { skewMs: 0, clockJumps: [], operations, ...more }
}

function run(
  plan: Partial<SimulationPlan<Act>>,
  options: Partial<SimulationOptions<Act>> = {},
): Promise<SimulationResult<Act>> {
  return simulate(
    { seed: 1, store: DEFAULT_STORE_RULES, processes: [], crashes: [], ...plan },
    {
      system: { start: (process) => ({ perform: (act) => act(process) }) },
      describe: () => 'acts',
      ...options,
    },
  )
}

describe('simulate', () => {
  it('tells the same story of a plan every time', async () => {
    const plans = simulationPlans({ operations: recordOperations(), targets: [HEAD] })
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const results = [
          await simulate(plan, { system: createToySystem() }),
          await simulate(plan, { system: createToySystem() }),
        ]
        const [first, second] = results.map(({ story, operations, store, steps }) => ({
          story: formatStory(story),
          operations,
          head: store.history(HEAD),
          steps,
        }))
        expect(second).toEqual(first)
      }),
      { numRuns: 100 },
    )
  })

  it('tells different stories of different seeds', async () => {
    const race: Act = ({ name, objects }) => objects.put(name, bytes)
    const processes = ['p1', 'p2', 'p3', 'p4'].map(() => processOf([planned(race)]))
    const orders = new Set<string>()
    for (let seed = 0; seed < 50; seed++) {
      const { store } = await run({ seed, processes })
      orders.add(store.keys().join(' '))
    }
    // Of 24 possible ones.
    expect(orders.size).toBeGreaterThan(12)
  })

  it('lets time pass by itself, and no faster for those who wait together', async () => {
    const wakes: number[] = []
    const sleep: Act = async ({ clock }) => {
      await Promise.all([clock.sleep(3_600_000), clock.sleep(1_000).then(() => wakes.push(clock.now()))])
      wakes.push(clock.now())
    }
    const { elapsedMs } = await run({ processes: [processOf([planned(sleep)])] })
    expect(elapsedMs).toBe(3_600_000)
    expect((wakes[1] ?? 0) - (wakes[0] ?? 0)).toBe(3_599_000)
  })

  it('gives each process its own wrong clock, and sets it when planned', async () => {
    const seen: number[] = []
    const look: Act = async ({ clock }) => {
      seen.push(clock.now())
      await clock.sleep(10_000)
      seen.push(clock.now())
    }
    const clocks = { skewMs: 600_000, clockJumps: [{ atMs: 5_000, byMs: -60_000 }] }
    await run({ processes: [processOf([planned(look)], clocks)] })
    const start = Date.parse('2026-01-01T00:00:00Z')
    expect(seen).toEqual([start + 600_000, start + 600_000 + 10_000 - 60_000])
  })

  it('wakes a sleeper early when its signal is aborted, with the reason', async () => {
    const reason = new Error('enough')
    const sleep: Act = async ({ clock }) => {
      const patience = new AbortController()
      const sleeping = clock.sleep(10_000, patience.signal)
      await clock.sleep(100)
      patience.abort(reason)
      await sleeping
    }
    const { operations, elapsedMs } = await run({ processes: [processOf([planned(sleep)])] })
    expect(operations[0]?.error).toBe(reason)
    expect(elapsedMs).toBe(100)
  })

  it('makes ids that sort, and never the same in two processes or two lives', async () => {
    const ids: string[][] = []
    const mint: Act = async ({ ids: source, clock }) => {
      ids.push([source.next(clock.now()), source.next(clock.now() - 60_000), source.next(clock.now())])
    }
    const crash = { nth: 1, moment: 'sent' as const, restartAfterMs: 0 }
    const doomed: Act = async (process) => {
      await mint(process)
      await process.objects.get('x')
    }
    const processes = [processOf([planned(doomed, { crash }), planned(mint)]), processOf([planned(mint)])]
    await run({ processes })
    expect(ids).toHaveLength(3)
    for (const own of ids) expect(own.toSorted()).toEqual(own)
    expect(new Set(ids.flat()).size).toBe(9)
    expect(ids.flat().every((id) => /^[0-9A-HJKMNP-TV-Z]{26}$/.test(id))).toBe(true)
  })

  it('starts an operation in its turn, or beside the others', async () => {
    const put: Act = ({ objects }) => objects.put('k', bytes)
    const [first, second, third] = (
      await run({ processes: [processOf([planned(put), planned(put, { start: 'at once' }), planned(put)])] })
    ).operations
    expect(second?.startStep).toBe(first?.startStep)
    expect(third?.startStep).toBe(Math.max(first?.endStep ?? 0, second?.endStep ?? 0))
  })

  it('performs the epilogue when all is quiet, in a process of its own', async () => {
    const late = { kind: 'late-request' as const, nth: 1, on: '', delayMs: 50_000 }
    const put: Act = ({ objects }) => objects.put('k', bytes)
    const seen: unknown[] = []
    const look: Act = async ({ name, objects }) => seen.push(name, (await objects.head('k'))?.etag)
    await run({ processes: [processOf([planned(put, { faults: [late] })])], epilogue: [look] })
    expect(seen).toEqual(['last', '5289df737df57326fcdd22597afb1fac'])
  })

  it('blames an operation that waits for what will never happen', async () => {
    const wait: Act = () => new Promise(() => undefined)
    const { violations } = await run({ processes: [processOf([planned(wait)])] })
    expect(violations).toMatchObject([{ property: 'never-ended', message: expect.stringMatching(/p1\.1$/) }])
  })

  it('blames a system that goes on and on', async () => {
    const loop: Act = async ({ clock }) => {
      for (;;) await clock.sleep(1)
    }
    const { violations } = await run({ processes: [processOf([planned(loop)])] }, { maxSteps: 50 })
    expect(violations).toMatchObject([{ property: 'no-progress' }])
  })

  it('ends at the first change that the watch objects to', async () => {
    const put: Act = ({ objects, name }) => objects.put(name, bytes)
    const processes = [processOf([planned(put)]), processOf([planned(put)])]
    const violation = { property: 'broken-chain', message: 'no' } as const
    const { violations, store } = await run({ processes }, { watch: () => violation })
    expect(violations).toEqual([violation])
    expect(store.keys()).toHaveLength(1)
  })
})

describe('a crash', () => {
  it.each([
    ['sent', 0],
    ['applied', 1],
    ['answered', 1],
  ] as const)('when a request is %s leaves what others can see', async (moment, versionsAtCrash) => {
    const went: string[] = []
    const put: Act = async ({ objects }) => {
      await objects.put('k', bytes)
      went.push('on')
      await objects.put('l', bytes)
      went.push('to the end')
    }
    const crash = { nth: 1, moment, restartAfterMs: undefined }
    const { operations, store, story } = await run({ processes: [processOf([planned(put, { crash })])] })
    expect(operations).toMatchObject([{ outcome: 'unknown', endStep: Number.POSITIVE_INFINITY }])
    // What was sent arrives all the same.
    expect(store.history('k')).toHaveLength(1)
    const before = story.slice(
      0,
      story.findIndex(({ text }) => text === 'crashes'),
    )
    expect(before.filter(({ text }) => text.includes('is stored: v1 of k'))).toHaveLength(versionsAtCrash)
    expect(went).toEqual(moment === 'answered' ? ['on'] : [])
    expect(store.history('l')).toHaveLength(moment === 'answered' ? 1 : 0)
  })

  it('ends everything a process waits for, and its next life begins with its disk alone', async () => {
    const lives: unknown[] = []
    const system = {
      start: (process: SimulatedProcess) => {
        lives.push([process.name, process.disk.get('note')])
        process.disk.set('note', `of ${process.name}`)
        return { perform: (act: Act) => act(process) }
      },
    }
    const woken: string[] = []
    const wait: Act = async ({ clock, name }) => {
      await clock.sleep(5_000)
      woken.push(name)
    }
    const crashes = [{ process: 0, step: 2, restartAfterMs: 1_000 }]
    const get: Act = ({ objects }) => objects.get('k')
    const operations = [planned(get), planned(wait, { start: 'at once' }), planned(wait)]
    const result = await run({ processes: [processOf(operations)], crashes }, { system })
    expect(lives).toEqual([
      ['p1', undefined],
      ['p1/2', 'of p1'],
    ])
    expect(woken).toEqual(['p1/2'])
    expect(result.operations.map(({ process, outcome }) => [process, outcome])).toEqual([
      ['p1', 'unknown'],
      ['p1', 'unknown'],
      ['p1/2', 'committed'],
    ])
  })
})
