import { hasErrorCode, manageBackend } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { copyDatabase } from '../copy-database.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import { openBehindOutbox } from './outbox-backend.fixture.ts'

const AT = { module: 'm', userId: 'u' }

type Kind = 'store' | 'update' | 'delete'

interface Plan {
  /** Of record `a`; what cannot be done is left out. Sent before the file is copied. */
  readonly before: readonly Kind[]
  /** By another host: how often the record was deleted this file cannot tell. */
  readonly isElsewhere: boolean
  /** Pending when it is. */
  readonly pending: readonly Kind[]
  /** Written once the copy is in use, before it is noticed. */
  readonly restored: readonly Kind[]
}

async function differences({ before, isElsewhere, pending, restored: since }: Plan): Promise<string[]> {
  const folder = await createStorageFolder()
  const store = createFakeStore()
  const found: string[] = []
  let current: number | undefined
  let count = 0
  try {
    const storage = await openBehindOutbox(store, folder.sqlitePath)
    const write = async (to: StorageManager, kind: Kind) => {
      if ((current === undefined) !== (kind === 'store')) return
      const data = ++count
      if (kind === 'store') await to.storeData({ ...AT, id: 'a', data })
      else if (kind === 'update') await to.updateData({ ...AT, recordId: 'a', data })
      else await to.deleteData('m', 'u', 'a')
      current = kind === 'delete' ? undefined : data
    }
    for (const kind of before) await write(isElsewhere ? manageBackend(store.direct) : storage, kind)
    await storage.retrieveData('m', 'u')
    store.usually = 'down'
    for (const kind of pending) await write(storage, kind)
    const copy = await copyDatabase(folder.sqlitePath)
    store.usually = 'ok'
    await storage.sync({ timeoutMs: 5_000 })
    await storage.storeData({ ...AT, id: 'other', data: 'so that the copy has another count' })
    await storage.close()
    const restored = await openBehindOutbox(store, copy, { limits: { leaseMs: 50 } })
    store.usually = 'down'
    for (const kind of since) await write(restored, kind).catch(unlessUnavailable)
    store.usually = 'ok'
    const left = await restored.sync({ timeoutMs: 5_000 })
    if (left.pending > 0) found.push(`${left.pending} never sent`)
    for (const { recordIds, error } of await restored.conflicts())
      found.push(`conflict over ${recordIds.join()}: ${error.message}`)
    await restored.close()
    const held = await manageBackend(store.direct).retrieveData('m', 'u', 'a')
    if (held?.data !== current) found.push(`holds ${String(held?.data)}, should hold ${String(current)}`)
  } finally {
    await folder.remove()
  }
  return found
}

/** Whoever has seen nothing of a record cannot change it while the store is away. */
function unlessUnavailable(error: unknown): void {
  if (!hasErrorCode(error, 'UNAVAILABLE')) throw error
}

const kinds = fc.array(fc.constantFrom<Kind[]>('store', 'update', 'update', 'delete'), { maxLength: 6 })

it('counts what is in place as done, whatever was pending when the file was copied', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({ before: kinds, isElsewhere: fc.boolean(), pending: kinds, restored: kinds }),
      async (plan) => {
        expect(await differences(plan)).toEqual([])
      },
    ),
    {
      numRuns: 30,
      examples: [
        [{ before: [], isElsewhere: false, pending: ['store', 'update'], restored: [] }],
        // What was deleted in between must not come back.
        [{ before: ['store'], isElsewhere: false, pending: ['delete', 'store', 'delete'], restored: [] }],
        // Its revision is a later one than the file can tell.
        [
          {
            before: ['store', 'delete'],
            isElsewhere: true,
            pending: ['store', 'update'],
            restored: ['update', 'update'],
          },
        ],
      ],
    },
  )
}, 60_000)
