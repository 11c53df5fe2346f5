import { recordEtag } from '@umbra/core'
import { recordOperations } from '@umbra/core/testing'
import { describe, expect, it } from 'vitest'
import { createMaintenance } from '../maintenance/create-maintenance.ts'
import { COLLECTING } from '../manifest/manifest-simulation.fixture.ts'
import type { ManifestSimulation } from '../manifest/manifest-simulation.fixture.ts'
import { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import { createSimulatedContext, putMutation } from '../manifest/simulated-context.fixture.ts'
import { decodeVersion, HEAD, NAMESPACE } from '../manifest/simulated-manifest.fixture.ts'
import type { SimulatedOperation, Upkeep } from '../manifest/simulated-manifest.fixture.ts'
import { createSimulatedStore } from '../manifest/simulated-store.fixture.ts'
import {
  create,
  outcomeOf,
  READ_ALL,
  run,
  schedule,
  step,
  survives,
  update,
} from './planned-operations.fixture.ts'

const DAY_MS = 24 * 60 * 60 * 1_000

const maintain = (task: Upkeep): SimulatedOperation => ({ kind: 'maintain', task })

/** A collector so impatient that an upload may well wait for its commit for longer. */
const IMPATIENT: ManifestSimulation = {
  maintenance: ['collect', 'wait'],
  limits: { graceMs: 2_000, clockSkewMs: 1_000 },
  plans: { maxSkewMs: 400 },
}

describe('upkeep of a namespace', () => {
  it('16. refers to nothing that was collected, though a writer stalls for longer than any grace', async () => {
    for (let seed = 0; seed < 40; seed++) {
      const stalled = { faults: [{ kind: 'network-down', nth: 1, on: HEAD, delayMs: 25_000 } as const] }
      const collector = [20, 21, 22].map((n) =>
        step(maintain('collect'), { pauseMs: n === 20 ? 12_000 : 1_000 }),
      )
      await run(
        schedule(seed, [
          [step(create('a')), step(create('b'), stalled)],
          [step(create('c'), { pauseMs: 3_000 }), ...collector],
        ]),
        IMPATIENT,
      )
    }
    await survives(IMPATIENT)
  })

  it('17. loses no body to a deletion that arrives late', async () => {
    await survives({
      ...COLLECTING,
      plans: {
        ...COLLECTING.plans,
        faults: ['delayed-delete', 'duplicated-request', 'ignored-delete', 'partial-delete'],
        maxFaults: 4,
      },
    })
  })

  it('18. collects, merges, seals and commits in any order', async () => {
    await survives({
      ...COLLECTING,
      limits: { ...COLLECTING.limits, tailLines: 1, tombstoneMs: 0 },
      plans: {
        ...COLLECTING.plans,
        operations: recordOperations<Upkeep>({
          kinds: ['create', 'update', 'delete'],
          maintenance: ['compact', 'collect', 'wait', 'collect'],
        }),
      },
    })
  })

  it('20. keeps every record through merges, also when two merge the same and one dies of it', async () => {
    await survives({
      plans: {
        operations: recordOperations<Upkeep>({
          kinds: ['create', 'update', 'delete', 'batch'],
          maintenance: ['compact', 'compact', 'compact'],
        }),
        maxCrashes: 3,
        targets: ['manifests.d/'],
      },
    })
  })

  it('21. lets no update of before a deletion through, though the record was created again', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const result = await run(
        schedule(seed, [
          [
            step(create('a')),
            step({ kind: 'delete', id: 'a' }, { pauseMs: 10_000 }),
            step(maintain('compact')),
            step(create('a')),
          ],
          [step(READ_ALL, { pauseMs: 5_000 }), step(update('a', 'read'), { pauseMs: 60_000 })],
        ]),
        { keepsCount: true },
      )
      expect(outcomeOf(result, 'p2.2')).toBe('PRECONDITION_FAILED')
    }
    await survives({
      keepsCount: true,
      plans: {
        operations: recordOperations<Upkeep>({
          kinds: ['create', 'delete', 'update'],
          maintenance: ['compact'],
        }),
      },
    })
  })

  it('21. lets no update of before a deletion through when its tombstone is gone either', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const offline = (days: number) => [
        step(READ_ALL, { pauseMs: 5_000 }),
        step(update('a', 'read'), { pauseMs: days * DAY_MS }),
      ]
      const result = await run(
        schedule(seed, [
          [
            step(create('a')),
            step({ kind: 'delete', id: 'a' }, { pauseMs: 10_000 }),
            step(maintain('compact')),
            step(maintain('compact'), { pauseMs: 7.5 * DAY_MS }),
            step(create('a'), { pauseMs: DAY_MS }),
          ],
          offline(8),
          offline(9),
        ]),
      )
      expect(outcomeOf(result, 'p2.2')).toBe('NOT_FOUND')
      expect(outcomeOf(result, 'p3.2')).toBe('PRECONDITION_FAILED')
      const last = result.store.history(HEAD).at(-1)
      // The count of revisions has begun again: there was no tombstone.
      expect(decodeVersion(last?.bytes ?? new Uint8Array(), result.store).records.get('a')).toEqual({
        rev: 1,
        content: 'p1.5',
      })
    }
  })

  it.each([
    [6, 'is refused', false],
    [8, 'is taken for one of what is there now', true],
  ])(
    '21. an update of the same content as of before a deletion, %i days later, %s',
    async (days, _, isTaken) => {
      const context = createSimulatedContext(
        createSimulatedStore(() => 'none'),
        'p',
      )
      const manifest = new NamespaceManifest(NAMESPACE, context)
      const maintenance = createMaintenance(() => manifest, context)
      const [before] = await manifest.commit([putMutation('a', 'same')])
      const etag = before === undefined ? '' : recordEtag(before)
      const at = new Date(context.clock.now()).toISOString()
      await manifest.commit([{ kind: 'delete', id: 'a', expect: { kind: 'etag', etag }, at }])
      await context.clock.sleep(days * DAY_MS)
      await maintenance.compact(NAMESPACE)
      await manifest.commit([putMutation('a', 'same')])
      const update = manifest.commit([putMutation('a', 'changed', etag)])
      if (isTaken) await expect(update).resolves.toMatchObject([{ rev: 2 }])
      else await expect(update).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    },
  )
})
