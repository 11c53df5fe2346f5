import { hasErrorCode, manageBackend } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { copyDatabase } from '../copy-database.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { Fate } from './fake-store.fixture.ts'
import { openBehindOutbox } from './outbox-backend.fixture.ts'

const AT = { module: 'm', userId: 'u' }

type Kind = 'store' | 'update' | 'delete'

/** With contents that come again. */
type Step = readonly [Kind, 'x' | 'y']

interface Plan {
  /** Of record `a`; what cannot be done is left out. Sent before the file is copied. */
  readonly before: readonly Step[]
  /** By another host: how often the record was deleted this file cannot tell. */
  readonly isElsewhere: boolean
  /** Pending when it is. */
  readonly pending: readonly Step[]
  /** Written once the copy is in use, before it is noticed. */
  readonly restored: readonly Step[]
  /** What becomes of the first requests once the store is back. */
  readonly fates: readonly Fate[]
}

async function differences({
  before,
  isElsewhere,
  pending,
  restored: since,
  fates,
}: Plan): Promise<string[]> {
  const folder = await createStorageFolder()
  const store = createFakeStore()
  const found: string[] = []
  let current: number | undefined
  let count = 0
  try {
    const storage = await openBehindOutbox(store, folder.sqlitePath)
    const write = async (to: StorageManager, [kind, data]: Step) => {
      if ((current === undefined) !== (kind === 'store')) return
      const metadata = { count: ++count }
      if (kind === 'store') await to.storeData({ ...AT, id: 'a', data, metadata })
      else if (kind === 'update') await to.updateData({ ...AT, recordId: 'a', data, metadata })
      else await to.deleteData('m', 'u', 'a')
      current = kind === 'delete' ? undefined : count
    }
    for (const step of before) await write(isElsewhere ? manageBackend(store.direct) : storage, step)
    await storage.retrieveData('m', 'u')
    store.usually = 'down'
    for (const step of pending) await write(storage, step)
    const copy = await copyDatabase(folder.sqlitePath)
    store.usually = 'ok'
    await storage.sync({ timeoutMs: 5_000 })
    await storage.storeData({ ...AT, id: 'other', data: 'so that the copy has another count' })
    await storage.close()
    const restored = await openBehindOutbox(store, copy, { limits: { leaseMs: 50 } })
    store.usually = 'down'
    for (const step of since) await write(restored, step).catch(unlessUnavailable)
    store.usually = 'ok'
    store.fates.push(...fates)
    const left = await restored.sync({ timeoutMs: 5_000 })
    if (left.pending > 0) found.push(`${left.pending} never sent`)
    for (const { recordIds, error } of await restored.conflicts())
      found.push(`conflict over ${recordIds.join()}: ${error.message}`)
    await restored.close()
    const held = await manageBackend(store.direct).retrieveData('m', 'u', 'a')
    const isThere = held?.metadata['count']
    if (isThere !== current) found.push(`holds ${JSON.stringify(isThere)}, should hold ${current}`)
  } finally {
    await folder.remove()
  }
  return found
}

/** Whoever has seen nothing of a record cannot change it while the store is away. */
function unlessUnavailable(error: unknown): void {
  if (!hasErrorCode(error, 'UNAVAILABLE')) throw error
}

const steps = fc.array(
  fc.tuple(
    fc.constantFrom<Kind[]>('store', 'update', 'update', 'delete'),
    fc.constantFrom<Step[1][]>('x', 'y'),
  ),
  { maxLength: 6 },
)

const NOTHING: Plan = { before: [], isElsewhere: false, pending: [], restored: [], fates: [] }
const [STORED, UPDATED, DELETED]: Step[] = [
  ['store', 'x'],
  ['update', 'x'],
  ['delete', 'x'],
]

it('counts what is in place as done, whatever was pending when the file was copied', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        before: steps,
        isElsewhere: fc.boolean(),
        pending: steps,
        restored: steps,
        fates: fc.array(fc.constantFrom<Fate[]>('ok', 'ok', 'lost', 'down'), { maxLength: 8 }),
      }),
      async (plan) => {
        expect(await differences(plan)).toEqual([])
      },
    ),
    {
      numRuns: 30,
      examples: [
        [{ ...NOTHING, pending: [STORED, UPDATED] }],
        // What was deleted in between must not come back, whether or not its refusal is heard.
        [{ ...NOTHING, before: [STORED], pending: [DELETED, STORED, DELETED] }],
        [{ ...NOTHING, pending: [STORED, DELETED], fates: ['ok', 'lost'] }],
        // Its revision is a later one than the file can tell.
        [
          {
            ...NOTHING,
            before: [STORED, DELETED],
            isElsewhere: true,
            pending: [STORED, UPDATED],
            restored: [UPDATED, UPDATED],
          },
        ],
      ],
    },
  )
}, 60_000)
