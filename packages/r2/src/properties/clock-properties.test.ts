import type { SimulatedProcess, SimulationPlan } from '@umbra/core/testing'
import { describe, expect, it } from 'vitest'
import { MANIFEST_LIMITS } from '../manifest/manifest-limits.ts'
import { HEAD } from '../manifest/simulated-manifest.fixture.ts'
import type { SimulatedOperation } from '../manifest/simulated-manifest.fixture.ts'
import { create, outcomeOf, run, schedule, step, survives } from './planned-operations.fixture.ts'

const MINUTE_MS = 60_000
const GRACE_MS = 30 * MINUTE_MS

/** Over hours. One clock is ten minutes ahead, the next as much behind; some are set from the one to the other. */
function atRealScale(plan: SimulationPlan<SimulatedOperation>): SimulationPlan<SimulatedOperation> {
  const processes = plan.processes.map((process, index) => {
    const skewMs = (index + plan.seed) % 2 === 0 ? 10 * MINUTE_MS : -10 * MINUTE_MS
    const jump = { atMs: (plan.seed % 120) * MINUTE_MS, byMs: -2 * skewMs }
    // Up to half an hour instead of three seconds.
    const operations = process.operations.map((one) => ({ ...one, pauseMs: one.pauseMs * 600 }))
    return { skewMs, clockJumps: (index + plan.seed) % 3 === 0 ? [jump] : [], operations }
  })
  return { ...plan, processes }
}

/** It stands still between the upload of a body and its commit, for as long as it is told each time. */
function standingStill(process: SimulatedProcess, minutes: () => number): SimulatedProcess {
  const { objects, clock } = process
  const put: typeof objects.put = async (key, ...rest) => {
    const delay = key === HEAD ? minutes() : 0
    if (delay > 0) await clock.sleep(delay * MINUTE_MS)
    return objects.put(key, ...rest)
  }
  return { ...process, objects: { ...objects, put } }
}

const LIMITS = { graceMs: GRACE_MS, clockSkewMs: MANIFEST_LIMITS.clockSkewMs }

describe('wrong clocks', () => {
  it('31. keeps every promise with clocks ten minutes off and jumping, also of what is collected by age', async () => {
    await survives(
      {
        maintenance: ['compact', 'collect', 'wait', 'collect', 'wait'],
        limits: LIMITS,
        // Two clocks are twenty minutes apart: so much of the grace is lost.
        graceMs: GRACE_MS - 20 * MINUTE_MS,
        plans: { maxSkewMs: 0, maxOperations: 10, maxCrashes: 0 },
      },
      undefined,
      {
        around: (process) =>
          standingStill(process, () => (process.ids.random() < 0.3 ? process.ids.random() * 60 : 0)),
        befall: atRealScale,
        seed: 31,
      },
    )
  })

  it('31. refers to no collected body of a writer that stood still, and whose clock said that it had just been stored', async () => {
    // From as soon as the grace is over until long after the tolerance is.
    for (let seed = 0; seed < 20; seed++) {
      const collect = step({ kind: 'maintain', task: 'collect' }, { pauseMs: (31 + seed) * MINUTE_MS })
      const plan = schedule(seed, [
        [step(create('a')), step(create('b'))],
        [step(create('c')), collect],
      ])
      const [writer, ...others] = plan.processes
      if (writer === undefined) throw new Error('nobody writes')
      const processes = [{ ...writer, skewMs: 10 * MINUTE_MS }, ...others]
      let puts = 0
      const result = await run(
        { ...plan, processes },
        { limits: LIMITS },
        {
          around: (process) =>
            process.name === 'p1' ? standingStill(process, () => (++puts === 2 ? 55 : 0)) : process,
        },
      )
      expect(outcomeOf(result, 'p1.2')).toBe('committed')
    }
  })
})
