import { EventEmitter, once } from 'node:events'
import { manageBackend, systemClock } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import { expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import { holdCommits } from './hold-commits.fixture.ts'
import { LastSeen } from './last-seen.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { openBehindOutbox, QUICK } from './outbox-backend.fixture.ts'

const AT = { module: 'm', userId: 'u' }

it('a write that takes long does not make what is read during an outage newer than it is', async () => {
  const folder = await createStorageFolder()
  const store = createFakeStore()
  const told = new EventEmitter()
  const storage = manageBackend(
    createOutboxBackend({
      primary: holdCommits(store.client(), told),
      outbox: await openOutbox({ path: folder.sqlitePath }),
      policy: QUICK,
    }),
  )
  const begun = once(told, 'begun m/u')
  const storing = storage.storeData({ ...AT, id: 'a', data: 1 })
  await begun
  const askedAt = Date.now()
  await systemClock.sleep(20)
  told.emit('end m/u')
  await storing
  store.usually = 'down'
  const record = await storage.retrieveData('m', 'u', 'a')
  expect(Date.parse(record?.stale?.asOf ?? '')).toBeLessThanOrEqual(askedAt)
  await storage.close()
  await folder.remove()
})

it('what a process has sent itself is no gap in what it saw last, though the file does not keep it', async () => {
  const folder = await createStorageFolder()
  const store = createFakeStore()
  const storage = await openBehindOutbox(store, folder.sqlitePath, { limits: { keepBytes: 0 } })
  await storage.storeData({ ...AT, id: 'a', data: 1 })
  store.usually = 'down'
  expect((await storage.listEntries('m', 'u')).items).toMatchObject([{ id: 'a' }])
  await storage.close()
  await folder.remove()
})

it.each([
  ['down', 'UNAVAILABLE'],
  ['forbidden', 'FORBIDDEN'],
] as const)(
  'a caller who names a later version than was seen last is not refused by it: %s',
  async (fate, code) => {
    const folder = await createStorageFolder()
    const store = createFakeStore()
    const storage = await openBehindOutbox(store, folder.sqlitePath)
    await storage.storeData({ ...AT, id: 'a', data: 1 })
    const elsewhere = manageBackend(store.direct)
    const { etag } = await elsewhere.updateData({ ...AT, recordId: 'a', data: 2 })
    store.usually = fate
    const refused = { code }
    await expect(storage.updateData({ ...AT, recordId: 'a', data: 3, ifMatch: etag })).rejects.toMatchObject(
      refused,
    )
    await expect(storage.deleteData('m', 'u', 'a', { ifMatch: etag })).rejects.toMatchObject(refused)
    await storage.close()
    await folder.remove()
  },
)

it('what was seen of namespaces that were not used for long is forgotten, and not mistaken for never seen', () => {
  const lastSeen = new LastSeen({ decidedTo: () => 7 }, { ...systemClock, now: () => 5 }, false)
  const note = (path: string) => lastSeen.note(path, lastSeen.look(path))
  note('m/first')
  note('m/again')
  expect(lastSeen.mayHaveSeen('m/never')).toBe(false)
  for (let n = 0; n < 9_998; n++) note(`m/u${n}`)
  note('m/again')
  expect(lastSeen.at('m/first')).toBe(5)
  note('m/one-more')
  expect([lastSeen.at('m/first'), lastSeen.decidedTo('m/first')]).toEqual([undefined, 0])
  expect([lastSeen.at('m/again'), lastSeen.decidedTo('m/again')]).toEqual([5, 7])
  expect(lastSeen.mayHaveSeen('m/never')).toBe(true)
})
