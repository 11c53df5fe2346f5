import { manageBackend, systemClock, UmbraError } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { openOutbox } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { QUICK } from './outbox-backend.fixture.ts'

/** Of a request, milliseconds. */
const LATENCY_MS = 20

let server: LocalR2
let folder: StorageFolder
let isAway: boolean
let requests: number
const opened: StorageManager[] = []

beforeEach(async () => {
  server = await startLocalR2()
  folder = await createStorageFolder()
  isAway = false
  requests = 0
})
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close()
  await folder.remove()
  await server.close()
})

/** A process that cannot see whether others live. */
async function openIn(container: string): Promise<StorageManager> {
  async function request<T>(send: () => Promise<T>): Promise<T> {
    requests++
    await systemClock.sleep(LATENCY_MS)
    if (isAway)
      throw new UmbraError('UNAVAILABLE', 'the link is cut', { details: { outcome: 'not-applied' } })
    return send()
  }
  const primary = await createR2Backend(server.settings, {
    retry: { maxAttempts: 1, baseDelayMs: 1, maxDelayMs: 1 },
    decorate: (objects) => ({
      ...objects,
      head: (...about) => request(() => objects.head(...about)),
      put: (...about) => request(() => objects.put(...about)),
    }),
  })
  const holder = { name: container, isAlive: (name: string) => (name === container ? true : undefined) }
  const outbox = await openOutbox({ path: folder.sqlitePath }, { holder })
  const policy = { ...QUICK, onlineTimeoutMs: 30_000 }
  const storage = manageBackend(createOutboxBackend({ primary, outbox, policy }))
  opened.push(storage)
  return storage
}

it('processes that cannot see each other do not keep each other from sending a blob', async () => {
  const containers = [await openIn('one'), await openIn('other')]
  const written = await Promise.all(
    containers.flatMap((storage, index) => [1, 2, 3].map((n) => storage.putBlob('k', [index, n]))),
  )
  expect(written.map(({ pending }) => pending)).toEqual(written.map(() => undefined))
})

it('nor from sending what nobody waits for any more', async () => {
  const [one, other] = [await openIn('one'), await openIn('other')]
  isAway = true
  for (let n = 0; n < 5; n++) expect(await one.putBlob('k', n)).toMatchObject({ pending: true })
  isAway = false
  requests = 0
  expect(await Promise.all([one.sync(), other.sync()])).toEqual([{ pending: 0 }, { pending: 0 }])
  // 15 when they take turns at once; some ten times as many when each takes the lane from the other again and again.
  expect(requests).toBeLessThan(75)
  expect((await one.getBlob('k'))?.value).toBe(4)
})
