import { join } from 'node:path'
import { manageBackend, parseSettings } from '@umbra/core'
import type { Environment, Namespace, StorageManager, StorageRecord } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { COUNTER_ID } from '../../../r2/src/kill-rounds/worker-event.fixture.ts'
import type { CounterData, WriteKind } from '../../../r2/src/kill-rounds/worker-event.fixture.ts'
import { createWriteLedger } from '../../../r2/src/kill-rounds/write-ledger.fixture.ts'
import { createStorageManager } from '../create-storage-manager.ts'
import type { AuditedKills } from './audit-process-kills.fixture.ts'
import { BLOBS } from './blob-loop.fixture.ts'
import { createSharedRecords, environmentOf } from './run-process-kills.fixture.ts'
import { startStoppableR2 } from './stoppable-r2.fixture.ts'

export const AT = { module: 'rounds', userId: 'small' }

/** Waits for nothing: R2 is away when it is stopped, and only then. */
const OUTBOX = { recoveryJitterMs: 0, onlineTimeoutMs: 50 }

export interface SmallHistory extends AuditedKills {
  /** R2 past every outbox. */
  inR2<T>(use: (storage: StorageManager) => Promise<T>): Promise<T>
  /** The application's own storage, opened again. */
  inApplication<T>(use: (storage: StorageManager) => Promise<T>): Promise<T>
  close(): Promise<void>
}

type Stored = Pick<StorageRecord, 'etag'> & Partial<Pick<StorageRecord, 'pending'>>

/**
 * A history with one of everything, in which every promise is kept. Its records are named after what is to become of them.
 * The writes from w.7 on are pending when it ends, and b.3; three of them will be refused, because somebody else was there before.
 */
export async function recordSmallHistory(
  folder: string,
  mode: 'r2' | 'hybrid' = 'r2',
): Promise<SmallHistory> {
  const r2 = await startStoppableR2(folder)
  const path = join(folder, '0.sqlite')
  const environment = (file: string): Environment => environmentOf(mode, file, r2.server)
  const ledger = createWriteLedger()
  const history: AuditedKills = { mode, ledger, namespaces: [AT], paths: [path], environment }
  await createSharedRecords(history)

  type Run = () => Promise<Stored | undefined>
  const telling = (namespace: Namespace) => async (token: string, kind: WriteKind, id: string, run: Run) => {
    ledger.hear({ event: 'try', write: { token, kind, namespace, ids: [id] } })
    const stored = await run()
    const pending = stored?.pending === true
    const etags = stored === undefined ? [] : [stored.etag]
    ledger.hear({ event: 'ack', token, etags, ...(pending && { pending }) })
  }
  const tell = telling(AT)
  const tellBlob = telling(BLOBS)
  const create = (storage: StorageManager, token: string, id: string) =>
    tell(token, 'create', id, () => storage.storeData({ ...AT, id, data: { trail: [token] } }))
  const replace = (storage: StorageManager, token: string, recordId: string, ifMatch: string) =>
    tell(token, 'replace', recordId, () =>
      storage.updateData({ ...AT, recordId, data: { trail: ['start', token] }, ifMatch }),
    )
  const add = (storage: StorageManager, token: string) =>
    tell(token, 'add', COUNTER_ID, () =>
      storage.updateData({ ...AT, recordId: COUNTER_ID, data: plusOne(token) }),
    )
  const putBlob = (storage: StorageManager, token: string, key: string) =>
    tellBlob(token, 'replace', key, () => storage.putBlob(key, { trail: [token] }))
  const addToBlob = (storage: StorageManager, token: string, ifMatch: string) => {
    const value = { total: 1, by: { [nameOf(token)]: 1 }, last: token }
    return tellBlob(token, 'add', COUNTER_ID, () => storage.putBlob(COUNTER_ID, value, { ifMatch }))
  }
  const etagOf = async (storage: StorageManager, id: string) =>
    (await storage.retrieveInfo(AT.module, AT.userId, id))?.etag ?? ''
  const inApplication: SmallHistory['inApplication'] = async (use) =>
    closing(await createStorageManager(parseSettings(environment(path)), { outbox: OUTBOX }), use)
  const inR2: SmallHistory['inR2'] = async (use) =>
    closing(manageBackend(await createR2Backend(r2.server.settings)), use)

  await inApplication(async (storage) => {
    await create(storage, 'w.0', 'kept')
    await create(storage, 'w.1', 'lost')
    await create(storage, 'w.2', 'doubled')
    await create(storage, 'w.3', 'undeleted')
    await tell('w.4', 'delete', 'undeleted', async () => {
      await storage.deleteData(AT.module, AT.userId, 'undeleted')
      return undefined
    })
    await add(storage, 'w.5')
    await add(storage, 'w.6')
    await putBlob(storage, 'b.0', 'kept-blob')
    await putBlob(storage, 'b.1', 'lost-blob')
    const blobBefore = (await storage.getBlob(COUNTER_ID))?.etag ?? ''
    const before = [await etagOf(storage, 'contended-0'), await etagOf(storage, 'contended-1')] as const
    await inR2(async (other) => {
      await replace(other, 'other.0', 'contended-0', before[0])
      await replace(other, 'other.1', 'contended-1', before[1])
      await addToBlob(other, 'other.2', blobBefore)
    })
    await r2.stop()
    await replace(storage, 'w.7', 'contended-0', before[0])
    await replace(storage, 'w.8', 'contended-1', before[1])
    await create(storage, 'w.9', 'pending')
    await create(storage, 'w.10', 'taken')
    await add(storage, 'w.11')
    await addToBlob(storage, 'b.3', blobBefore)
  })
  await r2.start()
  return { ...history, inR2, inApplication, close: () => r2.stop() }
}

function nameOf(token: string): string {
  return token.slice(0, token.lastIndexOf('.'))
}

function plusOne(token: string) {
  const name = nameOf(token)
  return ({ total, by }: CounterData) => ({
    total: total + 1,
    by: { ...by, [name]: (by[name] ?? 0) + 1 },
    last: token,
  })
}

async function closing<T>(storage: StorageManager, use: (storage: StorageManager) => Promise<T>): Promise<T> {
  try {
    return await use(storage)
  } finally {
    await storage.close()
  }
}
