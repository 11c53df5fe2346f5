import { manageBackend, UmbraError } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import { expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { QUICK } from './outbox-backend.fixture.ts'

it('goes on when the file could not be read for a while, and says so once', async () => {
  const folder = await createStorageFolder()
  const store = createFakeStore()
  const outbox = await openOutbox({ path: folder.sqlitePath })
  let failures = 0
  const failing = {
    ...outbox,
    backlog() {
      if (failures-- > 0) throw new UmbraError('UNAVAILABLE', 'the disk failed to read')
      return outbox.backlog()
    },
  }
  const backend = createOutboxBackend({ primary: store.client(), outbox: failing, policy: QUICK })
  const storage = manageBackend(backend)
  store.usually = 'down'
  for (let n = 0; n < 3; n++) await storage.storeData({ module: 'm', userId: 'u', data: n })
  const reasons: string[] = []
  storage.on('degraded', ({ reason }) => reasons.push(reason.message))
  storage.on('recovered', () => reasons.push('recovered'))
  failures = 3
  store.usually = 'ok'
  await expect.poll(async () => manageBackend(store.direct).retrieveData('m', 'u')).toHaveLength(3)
  await expect.poll(() => reasons.at(-1)).toBe('recovered')
  // The outage may end before the file is looked at.
  expect(reasons.join()).toMatch(
    /^the store did not answer[^,]*,(recovered,)?the disk failed to read,recovered$/,
  )
  await storage.close()
  await folder.remove()
})
