import { describe, expect, it } from 'vitest'
import { HEAD } from '../../../r2/src/manifest/simulated-manifest.fixture.ts'
import { away, create, held, planOf, run, step, task, update } from './outbox-properties.fixture.ts'
import type { Step } from './outbox-properties.fixture.ts'
import { poisonedBy } from './poisoned-store.fixture.ts'

/** A bit of everything, a part of it while the store is away. */
const WORK: readonly Step[] = [
  create('a'),
  update('a', away(20_000)),
  step({ kind: 'batch', ids: ['b', 'c'] }),
  update('b'),
  step({ kind: 'delete', id: 'c' }),
  task('wait'),
  create('d'),
]

describe('property 26: exactly once', () => {
  it('holds for a process killed at each of the SQL statements of an undisturbed run', async () => {
    // Further on than it ever comes.
    const undisturbed = await run(planOf([task('kill-1000000'), ...WORK]))
    const statements = undisturbed.world.statements()
    for (let nth = 1; nth <= statements; nth++) {
      const checked = await run(planOf([task(`kill-${nth}`), ...WORK]))
      expect(checked.problems, `at statement ${nth}`).toEqual([])
      expect(checked.refused, `at statement ${nth}`).toEqual([])
      const isKilled = checked.result.story.some(({ text }) => text.includes('crashes'))
      expect(isKilled, `at statement ${nth}`).toBe(true)
    }
    expect(statements).toBeGreaterThan(WORK.length)
  }, 240_000)

  it('holds for a process killed at each step of the simulation', async () => {
    const { result } = await run(planOf(WORK))
    for (let at = 1; at <= result.steps; at++) {
      const crashes = [{ process: 0, step: at, restartAfterMs: 1_000 }]
      const checked = await run(planOf(WORK, { crashes }))
      expect(checked.problems, `at step ${at}`).toEqual([])
      expect(checked.refused, `at step ${at}`).toEqual([])
    }
  }, 120_000)

  it('holds while the store goes and comes all the time', async () => {
    const flapping = WORK.map((one, index) => ({ ...one, ...away(500 + 900 * index), pauseMs: 700 }))
    const checked = await run(planOf(flapping))
    expect(checked.problems).toEqual([])
    expect(checked.world.pending.size).toBeGreaterThan(0)
  })
})

describe('property 27: a fallback after an attempt whose outcome is unknown', () => {
  it('leaves one copy, also when the process restarts meanwhile without a store', async () => {
    const lost = { faults: [{ kind: 'lost-answer', nth: 2, on: HEAD, delayMs: 0 }] } as const
    const dies = { ...away(90_000), crash: { nth: 1, moment: 'sent', restartAfterMs: 500 } } as const
    const checked = await run(
      planOf([create('a', lost), create('b', dies), create('c'), task('wait'), task('wait')]),
    )
    expect(checked.problems).toEqual([])
    expect(checked.refused).toEqual([])
    expect(held(checked)).toEqual({ a: 'p1.1', b: 'p1.2', c: 'p1.3' })
    expect(checked.world.pending).toContain('p1.1')
  })
})

describe('property 28: a copied outbox', () => {
  it('has the operations of both files happen, those in both once', async () => {
    const steps = [
      create('a', away(60_000)),
      create('b'),
      task('clone'),
      ...['c', 'd', 'e', 'f'].map((id) => create(id)),
      task('wait'),
      task('wait'),
    ]
    const checked = await run(planOf(steps), { freshIds: true })
    expect(checked.problems).toEqual([])
    expect(checked.refused).toEqual([])
    expect(Object.values(held(checked)).toSorted()).toEqual(['p1.1', 'p1.2', 'p1.4', 'p1.5', 'p1.6', 'p1.7'])
  })
})

describe('property 29: an operation that can never be stored', () => {
  const refusingPoison = poisonedBy(
    ({ draft, expect: over }) => draft.id === 'poison' && over.kind === 'absent',
  )
  it('is listed with what was queued over it, and the others go on in order', async () => {
    const steps = [
      create('a', away(60_000)),
      create('poison'),
      update('poison'),
      create('b'),
      update('a'),
      task('wait'),
    ]
    const checked = await run(planOf(steps), { seams: { primary: refusingPoison } })
    expect(checked.problems).toEqual([])
    expect(checked.refused).toEqual(['p1.2 TOO_LARGE', 'p1.3 NOT_FOUND'])
    expect(held(checked)).toEqual({ a: 'p1.5', b: 'p1.4' })
  })
})

describe('property 30: credentials refused for ten minutes', () => {
  it('give nothing up, and everything is sent when they are accepted again', async () => {
    const refused = { faults: [{ kind: 'credentials-refused', nth: 1, on: '', delayMs: 600_000 }] } as const
    const waits = Array.from({ length: 11 }, () => task('wait'))
    const checked = await run(planOf([create('a', refused), create('b'), update('a'), ...waits]))
    expect(checked.problems).toEqual([])
    expect(checked.refused).toEqual([])
    expect(held(checked)).toEqual({ a: 'p1.3', b: 'p1.2' })
    // Without the epilogue's help.
    expect(
      checked.result.story.filter(({ actor, text }) => actor === 'last' && text.includes('PUT m/')),
    ).toEqual([])
  })
})

describe('property 31: clocks that are wrong by ten minutes, or set back or forward', () => {
  it.each([
    { skewMs: 600_000, byMs: -600_000 },
    { skewMs: -600_000, byMs: 600_000 },
    { skewMs: 0, byMs: -600_000 },
    { skewMs: 0, byMs: 600_000 },
  ])('keep nothing waiting: off by $skewMs ms, set by $byMs ms', async ({ skewMs, byMs }) => {
    const clockJumps = [{ atMs: 15_000, byMs }]
    const steps = [create('a', away(20_000)), update('a'), create('b'), task('wait'), task('wait')]
    const checked = await run(planOf(steps, { skewMs, clockJumps }))
    expect(checked.problems).toEqual([])
    expect(checked.refused).toEqual([])
    expect(held(checked)).toEqual({ a: 'p1.2', b: 'p1.3' })
    expect(
      checked.result.story.filter(({ actor, text }) => actor === 'last' && text.includes('PUT m/')),
    ).toEqual([])
  })
})

// Property 32, a migration that may be killed and begun again, needs whole processes: see killed-migration.test.ts.
