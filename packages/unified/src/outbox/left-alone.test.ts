import { createServer } from 'node:net'
import { parseSettings } from '@umbra/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageManager } from '../create-storage-manager.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { startStoppableR2 } from '../process-kills/stoppable-r2.fixture.ts'
import type { StoppableR2 } from '../process-kills/stoppable-r2.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'

const AT = { module: 'm', userId: 'u' }

let folder: StorageFolder
let r2: StoppableR2
beforeEach(async () => {
  folder = await createStorageFolder()
  r2 = await startStoppableR2(folder.path)
})
afterEach(async () => {
  await r2.stop()
  await folder.remove()
})

function open() {
  const environment = { ...toEnvironment(r2.server), SQLITE_PATH: folder.sqlitePath, STORAGE_BACKEND: 'r2' }
  return createStorageManager(parseSettings(environment), {
    outbox: { breakMs: 600_000, maxBreakMs: 600_000 },
  })
}

/** Takes connections where the store was, and never answers: whoever asks it waits for minutes. */
async function listenInItsPlace() {
  let connections = 0
  const server = createServer(() => connections++)
  const port = Number(new URL(r2.server.endpoint).port)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    connections: () => connections,
    close: () => new Promise<unknown>((resolve) => server.close(resolve)),
  }
}

it.each(['opened before', 'opened meanwhile'])(
  'a store that does not answer is not asked about what was never seen of it: %s',
  async (when) => {
    const before = when === 'opened before' ? await open() : undefined
    await r2.stop()
    const storage = before ?? (await open())
    for (let n = 0; n < 3; n++) await storage.storeData({ ...AT, data: n })
    expect((await storage.health()).outbox?.breaker).toBe('open')
    const silent = await listenInItsPlace()
    expect(await storage.storeData({ module: 'other', userId: 'u', id: 'a', data: 1 })).toMatchObject({
      pending: true,
    })
    await expect(storage.retrieveData('another', 'u', 'a')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(storage.listEntries('another', 'u')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(
      storage.updateData({ module: 'another', userId: 'u', recordId: 'a', data: 1 }),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(silent.connections()).toBe(0)
    await storage.close()
    await silent.close()
    await r2.start()
  },
  10_000,
)
