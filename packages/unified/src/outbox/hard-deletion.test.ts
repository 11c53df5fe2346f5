import { manageBackend, UmbraError } from '@umbra/core'
import type { ManifestEntry, StorageBackend, StorageManager } from '@umbra/core'
import { createR2Backend, createR2StorageManager } from '@umbra/r2'
import type { R2StorageManager } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { openOutbox } from '@umbra/sqlite'
import type { Outbox } from '@umbra/sqlite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { tracesInFile } from '../../../sqlite/src/traces-in-file.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { QUICK } from './outbox-backend.fixture.ts'

let server: LocalR2
let direct: R2StorageManager
let folder: StorageFolder
let outbox: Outbox
let backend: StorageBackend
let storage: StorageManager
let module: string
let fates: ('ok' | 'lost')[]
let usually: 'down' | 'ok'
/** Of record a: to ask for their contents later. */
let versions: ManifestEntry[]
let modules = 0

beforeAll(async () => {
  server = await startLocalR2()
  direct = await createR2StorageManager(server.settings)
})
afterAll(async () => {
  await direct.close()
  await server.close()
})
beforeEach(async () => {
  module = `hard-${++modules}`
  fates = []
  usually = 'ok'
  versions = []
  folder = await createStorageFolder()
  outbox = await openOutbox({ path: folder.sqlitePath })
  const primary = failing(await createR2Backend(server.settings))
  backend = createOutboxBackend({ primary, outbox, policy: QUICK })
  storage = manageBackend(backend)
})
afterEach(async () => {
  usually = 'ok'
  await storage.close()
  await folder.remove()
})

/** R2 that does not answer, or whose answers to commits are lost, when told. */
function failing(r2: StorageBackend): StorageBackend {
  const assertUp = () => {
    if (usually === 'down') throw new UmbraError('UNAVAILABLE', 'r2 is away')
  }
  const { numbered } = r2
  if (numbered === undefined) throw new Error('r2 numbers commits')
  return {
    ...r2,
    numbered: {
      async commitNumbered(...about) {
        assertUp()
        const fate = fates.shift()
        const result = await numbered.commitNumbered(...about)
        if (fate === 'lost') throw new UmbraError('OUTCOME_PENDING', 'no answer')
        return result
      },
    },
    async getEntry(namespace, id, options) {
      if (options?.consistency === undefined) assertUp()
      return r2.getEntry(namespace, id, options)
    },
  }
}

/** Objects in the bucket whose content says what only this record's versions say. */
async function traces(word: string): Promise<string[]> {
  const found: string[] = []
  for (const prefix of [`${module}/`, `manifests/${module}/`, `manifests.d/${module}/`])
    for await (const { key } of direct.listObjects(prefix)) {
      const bytes = await direct.downloadData(key)
      if (bytes !== null && Buffer.from(bytes).includes(word)) found.push(key)
    }
  return found
}

const newRecord = (data: unknown) => storage.storeData({ module, userId: 'u', id: 'a', data })
const deleteHard = () => storage.deleteData(module, 'u', 'a', { hard: true })

/** Whether the outbox still has the contents of the versions noted. */
function keptBodies() {
  return versions.map((entry) => outbox.openBody(`${module}/u`, entry) !== undefined)
}

async function noteVersion(): Promise<void> {
  const stored = await backend.getEntry({ module, userId: 'u' }, 'a')
  if (stored !== undefined) versions.push(stored.entry)
}

describe('a hard deletion', () => {
  it('whose answers are lost leaves nothing behind, in the bucket or in the outbox', async () => {
    await newRecord('secretword one')
    await noteVersion()
    await storage.updateData({ module, userId: 'u', recordId: 'a', data: 'secretword two' })
    await noteVersion()
    await storage.storeData({ module, userId: 'u', id: 'b', data: 'secretword of b' })
    expect(keptBodies()).toEqual([true, true])
    expect(await tracesInFile(folder.sqlitePath, 'secretword one')).not.toEqual([])
    fates.push('lost')
    expect(await deleteHard()).toBe(true)
    expect(keptBodies()).toEqual([false, false])
    expect(await traces('secretword one')).toEqual([])
    expect(await traces('secretword two')).toEqual([])
    expect(await traces('secretword of b')).not.toEqual([])
    expect(await tracesInFile(folder.sqlitePath, 'secretword one')).toEqual([])
    expect(await tracesInFile(folder.sqlitePath, 'secretword two')).toEqual([])
    expect(await tracesInFile(folder.sqlitePath, 'secretword of b')).not.toEqual([])
  })

  it('of a record whose creation is pending says what to do, and is complete once that is done', async () => {
    usually = 'down'
    expect(await newRecord('secretword')).toMatchObject({ pending: true })
    await noteVersion()
    await expect(deleteHard()).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      retryable: true,
      details: { id: 'a' },
      message: expect.stringMatching(/the deletion is kept: it is sent by itself .* delete again with hard/),
    })
    expect(await storage.retrieveData(module, 'u', 'a')).toBeNull()
    await expect(deleteHard()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await tracesInFile(folder.sqlitePath, 'secretword')).not.toEqual([])
    usually = 'ok'
    await storage.sync()
    expect(await deleteHard()).toBe(false)
    expect(keptBodies()).toEqual([false])
    expect(await traces('secretword')).toEqual([])
    expect(await tracesInFile(folder.sqlitePath, 'secretword')).toEqual([])
  })

  it('of a record in the bucket is refused while the deletion is pending, and does not wait for a store that is away', async () => {
    await newRecord('secretword')
    await noteVersion()
    usually = 'down'
    for (let n = 0; n < 3; n++) await storage.storeData({ module, userId: 'u', data: n })
    await expect(deleteHard()).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { id: 'a', pending: 4 },
    })
    expect(await traces('secretword')).not.toEqual([])
    usually = 'ok'
    await storage.sync()
    expect(await storage.deleteData(module, 'u', 'a', { hard: true })).toBe(false)
    expect(await traces('secretword')).toEqual([])
  })

  it('does not call a record deleted that was written again since, and keeps that write', async () => {
    await newRecord('secretword one')
    usually = 'down'
    for (let n = 0; n < 3; n++) await storage.storeData({ module, userId: 'u', data: n })
    expect(await storage.deleteData(module, 'u', 'a')).toBe(true)
    expect(await newRecord('secretword two')).toMatchObject({ pending: true })
    const purged = backend.purge?.({ module, userId: 'u' }, 'a')
    await expect(purged).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { id: 'a' },
      message: expect.stringMatching(/^the record was written again after it was deleted/),
    })
    usually = 'ok'
    await storage.sync()
    expect(await storage.retrieveData(module, 'u', 'a')).toMatchObject({ data: 'secretword two' })
  })

  it('drops no refused write that holds a version, and says which', async () => {
    const { etag } = await newRecord('base')
    usually = 'down'
    await storage.updateData({ module, userId: 'u', recordId: 'a', data: 'secretword', ifMatch: etag })
    await direct.storage.updateData({ module, userId: 'u', recordId: 'a', data: 'theirs' })
    usually = 'ok'
    await storage.sync()
    const [listed] = await storage.conflicts()
    await expect(deleteHard()).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { id: 'a', reason: 'listed', conflicts: [listed?.id] },
    })
    await storage.resolveConflict(listed?.id ?? '', 'discard')
    expect(await deleteHard()).toBe(false)
    expect(await traces('theirs')).toEqual([])
    expect(await tracesInFile(folder.sqlitePath, 'secretword')).toEqual([])
  })
})
