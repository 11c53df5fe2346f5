import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { parseSettings } from '@umbra/core'
import { startFaultProxy } from '@umbra/core/testing'
import { startLocalR2 } from '@umbra/r2/local'
import { expect, it } from 'vitest'
import { createStorageManager } from '../create-storage-manager.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'

/** As many as it takes failures to leave the store alone. */
const USERS = ['u', 'v', 'w']
const ANSWERED = 'http.client.response.finish'

/** Every request of this process that a port answers from now on, in the order of the answers. */
function watchRequests(port: number) {
  const answered: { method: string; isConditional: boolean; status: number | undefined }[] = []
  const note = (about: unknown): void => {
    const { request, response } = about as { request: ClientRequest; response: IncomingMessage }
    if (request.socket?.remotePort !== port) return
    const isConditional = request.hasHeader('if-none-match') || request.hasHeader('if-match')
    answered.push({ method: request.method, isConditional, status: response.statusCode })
  }
  subscribe(ANSWERED, note)
  return { answered, stop: () => unsubscribe(ANSWERED, note) }
}

it('a store that was left alone is tried by a conditional read, before anything is written', async () => {
  const folder = await createStorageFolder()
  const r2 = await startLocalR2({ dir: `${folder.path}/r2` })
  const proxy = await startFaultProxy({ target: r2.endpoint, seed: 1 })
  const settings = parseSettings({
    ...toEnvironment({ ...r2, endpoint: proxy.endpoint }),
    SQLITE_PATH: folder.sqlitePath,
    STORAGE_BACKEND: 'r2',
  })
  const outbox = { recoveryJitterMs: 0, breakMs: 60_000, maxBreakMs: 60_000 }
  const storage = await createStorageManager(settings, { outbox })
  const storeEach = () =>
    Promise.all(USERS.map((userId) => storage.storeData({ module: 'm', userId, data: 0 })))
  await storeEach()
  await proxy.down()
  expect((await storeEach()).map(({ pending }) => pending)).toEqual([true, true, true])
  expect((await storage.health()).outbox?.breaker).toBe('open')
  await proxy.up()
  const { answered, stop } = watchRequests(Number(new URL(proxy.endpoint).port))
  await storage.sync()
  stop()
  // Reads are Class B, and this one has no body.
  expect(answered[0]).toEqual({ method: 'GET', isConditional: true, status: 304 })
  expect(answered).toContainEqual({ method: 'PUT', isConditional: true, status: 200 })
  await storage.close()
  await proxy.close()
  await r2.close()
  await folder.remove()
})
