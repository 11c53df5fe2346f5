import { manageBackend, UmbraError } from '@umbra/core'
import type { StorageBackend, StorageManager } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { FakeStore } from '../outbox/fake-store.fixture.ts'
import { QUICK } from '../outbox/outbox-backend.fixture.ts'
import { nextMillisecond } from '../next-millisecond.fixture.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { runMigration } from '../migration/run-migration.ts'
import { createHybridBackend } from './hybrid-backend.ts'
import { createHybridWithOutbox } from './hybrid-with-outbox.ts'
import { openThreeWays } from './three-ways.fixture.ts'
import type { ThreeWays } from './three-ways.fixture.ts'

const NAMESPACE = { module: 'm', userId: 'u' }
const AT = { ...NAMESPACE, recordId: 'a' }

let ways: ThreeWays
let store: FakeStore
let onR2: StorageManager
let alone: StorageManager
beforeEach(async () => {
  ways = await openThreeWays()
  ;({ store, onR2, alone } = ways)
})
afterEach(() => ways.close())

const sqlite = () => ways.sqlite()
const openHybrid = (primary?: StorageBackend) => ways.openHybrid(primary)
const append = (word: string) => ({ ...AT, data: (current: unknown) => [...(current as string[]), word] })

async function openWithOutbox(): Promise<StorageManager> {
  const parts = { primary: store.client(), secondary: await sqlite() }
  const outbox = await openOutbox({ path: ways.sqlitePath })
  return ways.keep(manageBackend(createHybridWithOutbox({ ...parts, outbox, policy: QUICK })))
}

/** A primary whose answer to its commit with this number is lost. */
function withLostAnswer(number: number): StorageBackend {
  const client = store.client()
  let commits = 0
  return {
    ...client,
    async commit(...about) {
      const committed = await client.commit(...about)
      if (++commits === number) throw new UmbraError('OUTCOME_PENDING', 'the answer is lost')
      return committed
    },
  }
}

/** R2 after it has dropped its tombstones. */
function forgetsDeletions(client: StorageBackend): StorageBackend {
  const { inventory } = client
  return {
    ...client,
    ...(inventory && { inventory: { ...inventory, findDeletions: async () => new Map() } }),
  }
}

const inR2 = async () => (await onR2.retrieveData('m', 'u', 'a'))?.data

it("is not R2's record when SQLite has one of its own under that id", async () => {
  await alone.storeData({ ...NAMESPACE, id: 'a', data: ['on SQLite'] })
  for (const word of ['two', 'three']) await alone.updateData(append(word))
  await nextMillisecond()
  await onR2.storeData({ ...NAMESPACE, id: 'a', data: ['on R2'] })
  const hybrid = await openWithOutbox()
  const taken = hybrid.storeData({ ...NAMESPACE, id: 'a', data: ['default'] })
  await expect(taken).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
  await hybrid.updateData(append('on both'))
  expect(await inR2()).toEqual(['on R2', 'on both'])
})

it('is known in R2 once it was carried over, so that its deletion there counts', async () => {
  const hybrid = await openHybrid()
  const { etag } = await hybrid.storeData({ ...NAMESPACE, id: 'a', data: ['first'] })
  await alone.deleteData('m', 'u', 'a')
  await nextMillisecond()
  await alone.storeData({ ...NAMESPACE, id: 'a', data: ['again'] })
  const outdated = hybrid.updateData({ ...AT, data: [], ifMatch: etag })
  await expect(outdated).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
  expect(await inR2()).toEqual(['again'])
  await onR2.deleteData('m', 'u', 'a')
  expect(await hybrid.retrieveData('m', 'u', 'a')).toBeNull()
  expect(await hybrid.retrieveData('m', 'u')).toEqual([])
})

it.each(['without an answer', 'and long ago'])(
  'is deleted where it was carried over %s, and deleted there',
  async (how) => {
    const { etag } = await (await openHybrid()).storeData({ ...NAMESPACE, id: 'a', data: ['first'] })
    await alone.deleteData('m', 'u', 'a')
    await nextMillisecond()
    await alone.storeData({ ...NAMESPACE, id: 'a', data: ['again'] })
    const client = how === 'and long ago' ? store.client() : withLostAnswer(1)
    const outdated = (await openHybrid(client)).updateData({ ...AT, data: [], ifMatch: etag })
    await expect(outdated).rejects.toMatchObject({
      code: expect.stringMatching('PRECONDITION_FAILED|UNAVAILABLE'),
    })
    expect(await inR2()).toEqual(['again'])
    await onR2.deleteData('m', 'u', 'a')
    const forgetting = forgetsDeletions(store.client())
    const hybrid = await openHybrid(how === 'and long ago' ? forgetting : store.client())
    expect(await hybrid.retrieveData('m', 'u', 'a')).toBeNull()
  },
)

it('is deleted where it was copied to R2 without an answer, and deleted there', async () => {
  await alone.storeData({ ...NAMESPACE, id: 'a', data: ['first'] })
  const hybrid = await openHybrid(withLostAnswer(1))
  await expect(hybrid.updateData(append('not applied'))).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    details: { outcome: 'not-applied' },
  })
  expect(await inR2()).toEqual(['first'])
  await onR2.deleteData('m', 'u', 'a')
  expect(await hybrid.retrieveData('m', 'u', 'a')).toBeNull()
  expect(await hybrid.retrieveData('m', 'u')).toEqual([])
  await hybrid.deleteData('m', 'u', 'a', { hard: true })
  expect(await alone.retrieveData('m', 'u', 'a')).toBeNull()
  await hybrid.storeData({ ...NAMESPACE, id: 'a', data: ['again'] })
  expect((await hybrid.retrieveData('m', 'u', 'a'))?.data).toEqual(['again'])
})

it('is deleted still when the id was used again in R2 alone, and deleted there, too', async () => {
  await alone.storeData({ ...NAMESPACE, id: 'a', data: ['first'] })
  const hybrid = await openHybrid(withLostAnswer(1))
  await expect(hybrid.updateData(append('not applied'))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await onR2.deleteData('m', 'u', 'a')
  await nextMillisecond()
  await onR2.storeData({ ...NAMESPACE, id: 'a', data: ['another'] })
  await onR2.deleteData('m', 'u', 'a')
  expect(await hybrid.retrieveData('m', 'u', 'a')).toBeNull()
})

it('is free for another record where it was copied to R2 without an answer, and deleted there', async () => {
  await alone.storeData({ ...NAMESPACE, id: 'a', data: ['first'] })
  const hybrid = await openHybrid(withLostAnswer(1))
  await expect(hybrid.updateData(append('not applied'))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await onR2.deleteData('m', 'u', 'a')
  await hybrid.storeData({ ...NAMESPACE, id: 'a', data: ['again'] })
  expect(await inR2()).toEqual(['again'])
})

it('is what was copied while a deletion was tried that then was none', async () => {
  let fails = false
  const client = store.client()
  const hybrid = await openHybrid({
    ...client,
    async commit(...about) {
      if (fails) throw new UmbraError('OUTCOME_PENDING', 'the answer is lost')
      return client.commit(...about)
    },
  })
  for (const revision of [1, 2]) {
    const at = { ...AT, recordId: `${revision}` }
    const add = (word: string) => ({ ...append(word), recordId: at.recordId })
    await (revision === 1 ? onR2 : hybrid).storeData({ ...NAMESPACE, id: at.recordId, data: [] })
    if (revision === 2) await onR2.updateData(add('on R2'))
    fails = true
    const deletion = hybrid.deleteData('m', 'u', at.recordId)
    await expect(deletion).rejects.toMatchObject({ code: 'OUTCOME_PENDING' })
    fails = false
    // A read copies what is in doubt.
    await hybrid.retrieveData('m', 'u', at.recordId)
    await alone.updateData(add('on SQLite'))
    const { data } = await hybrid.updateData(add('on both'))
    expect(data).toEqual([...(revision === 2 ? ['on R2'] : []), 'on SQLite', 'on both'])
  }
})

it('is the revision before a raise that does not arrive', async () => {
  let failing: number | undefined
  const client = store.client()
  const hybrid = await openHybrid({
    ...client,
    async commit(...about) {
      if (failing !== undefined && failing-- === 0) throw new UmbraError('UNAVAILABLE', 'the fake is down')
      return client.commit(...about)
    },
  })
  await hybrid.storeData({ ...NAMESPACE, id: 'a', data: ['old'] })
  for (const word of ['two', 'three']) await alone.updateData(append(word))
  await alone.deleteData('m', 'u', 'a')
  await onR2.deleteData('m', 'u', 'a')
  await nextMillisecond()
  failing = 1
  await hybrid.storeData({ ...NAMESPACE, id: 'a', data: ['new'] })
  await alone.updateData(append('on SQLite'))
  expect((await hybrid.updateData(append('on both'))).data).toEqual(['new', 'on SQLite', 'on both'])
})

it.each([
  ['through an outbox', () => openWithOutbox()],
  ['without one', () => openHybrid()],
])("is of SQLite's own record still when another one with the id is deleted %s", async (_, open) => {
  const hybrid = await open()
  await hybrid.storeData({ ...NAMESPACE, id: 'a', data: ['first'] })
  for (const word of ['two', 'three', 'four', 'five', 'six']) await alone.updateData(append(word))
  await nextMillisecond()
  await onR2.deleteData('m', 'u', 'a')
  await onR2.storeData({ ...NAMESPACE, id: 'a', data: ['another'] })
  expect((await hybrid.retrieveData('m', 'u', 'a'))?.data).toEqual(['another'])
  expect(await hybrid.deleteData('m', 'u', 'a')).toBe(true)
  expect(await hybrid.retrieveData('m', 'u', 'a')).toBeNull()
  expect(await hybrid.deleteData('m', 'u', 'a', { hard: true })).toBe(false)
})

it.each(['sent in vain', 'never sent'])(
  'of a record that was %s is not taken for deleted when a later one with the id was',
  async (state) => {
    await alone.storeData({ ...NAMESPACE, id: 'a', data: ['first'] })
    const client = store.client()
    let isFailing = state === 'sent in vain'
    const hybrid = await openHybrid({
      ...client,
      async commit(namespace, mutations) {
        if (isFailing && mutations[0]?.expect.kind === 'absent')
          throw new UmbraError('UNAVAILABLE', 'the fake is down')
        return client.commit(namespace, mutations)
      },
    })
    if (isFailing)
      await expect(hybrid.updateData(append('not applied'))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    isFailing = false
    await nextMillisecond()
    await onR2.storeData({ ...NAMESPACE, id: 'a', data: ['another'] })
    await onR2.deleteData('m', 'u', 'a')
    expect((await hybrid.retrieveData('m', 'u', 'a'))?.data).toEqual(['first'])
    await hybrid.updateData(append('on both'))
    expect(await inR2()).toEqual(['first', 'on both'])
    expect((await alone.retrieveData('m', 'u', 'a'))?.data).toEqual(['first', 'on both'])
  },
)

it('is the revision that R2 was raised to, although the answer was lost', async () => {
  await alone.storeData({ ...NAMESPACE, id: 'a', data: [] })
  await alone.deleteData('m', 'u', 'a')
  await nextMillisecond()
  const hybrid = await openHybrid(withLostAnswer(2))
  await hybrid.storeData({ ...NAMESPACE, id: 'a', data: ['one'] })
  await alone.updateData(append('on SQLite'))
  await hybrid.updateData(append('on both'))
  expect(await inR2()).toEqual(['one', 'on SQLite', 'on both'])
})

it('is the revision that SQLite was raised to before it was copied over a deletion, although the answer was lost', async () => {
  await onR2.storeData({ ...NAMESPACE, id: 'a', data: [] })
  await onR2.deleteData('m', 'u', 'a')
  await nextMillisecond()
  await alone.storeData({ ...NAMESPACE, id: 'a', data: ['one'] })
  const hybrid = await openHybrid(withLostAnswer(1))
  await expect(hybrid.updateData(append('not applied'))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await alone.updateData(append('on SQLite'))
  await hybrid.updateData(append('on both'))
  expect(await inR2()).toEqual(['one', 'on SQLite', 'on both'])
})

it('is not one of the same revision and content with other metadata', async () => {
  const hybrid = await openHybrid()
  await hybrid.storeData({ ...NAMESPACE, id: 'a', data: ['one'] })
  await alone.updateData({ ...AT, data: ['one'], metadata: { by: 'alone' } })
  const refuseCommit = async () => {
    throw new UmbraError('UNAVAILABLE', 'the fake is down')
  }
  const cutOff = await openHybrid({ ...store.client(), commit: refuseCommit })
  await expect(cutOff.updateData(append('no'))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await nextMillisecond()
  await onR2.updateData({ ...AT, data: ['one'], metadata: { by: 'r2' } })
  await alone.updateData(append('on SQLite'))
  await hybrid.updateData(append('on both'))
  expect(await onR2.retrieveData('m', 'u', 'a')).toMatchObject({
    data: ['one', 'on both'],
    metadata: { by: 'r2' },
  })
})

it('is known also when the copy is deleted on SQLite alone before that is noted, and the id was used before', async () => {
  const hybrid = await openHybrid()
  await hybrid.storeData({ ...NAMESPACE, id: 'a', data: ['earlier'] })
  await hybrid.deleteData('m', 'u', 'a')
  await nextMillisecond()
  const secondary = await sqlite()
  const disturbed: StorageBackend = {
    ...plainBackend(secondary),
    async commit(...about) {
      const copied = await secondary.commit(...about)
      await alone.deleteData('m', 'u', 'a')
      return copied
    },
  }
  const other = manageBackend(createHybridBackend({ primary: store.client(), secondary: disturbed }))
  await other.storeData({ ...NAMESPACE, id: 'a', data: ['on both'] })
  await nextMillisecond()
  await alone.storeData({ ...NAMESPACE, id: 'a', data: ['on SQLite'] })
  await hybrid.updateData(append('on both'))
  expect(await inR2()).toEqual(['on SQLite', 'on both'])
  await other.close()
})

it('stays known when the hard deletion of the record before ends late', async () => {
  const hybrid = await openHybrid()
  const [client, secondary] = [store.client(), await sqlite()]
  const bases = secondary.bases ?? expect.unreachable()
  let isPurged = false
  const purging: StorageBackend = { ...client, purge: async () => void (isPurged = true) }
  const slow: StorageBackend = {
    ...plainBackend(secondary),
    bases: {
      ...bases,
      async edit(...about) {
        if (isPurged) {
          isPurged = false
          await hybrid.storeData({ ...NAMESPACE, id: 'a', data: ['again'] })
        }
        return bases.edit(...about)
      },
    },
  }
  const other = manageBackend(createHybridBackend({ primary: purging, secondary: slow }))
  await other.storeData({ ...NAMESPACE, id: 'a', data: ['first'] })
  const deletion = other.deleteData('m', 'u', 'a', { hard: true })
  await expect(deletion).rejects.toThrow('created again')
  await alone.updateData(append('on SQLite'))
  await hybrid.updateData(append('on both'))
  expect(await inR2()).toEqual(['again', 'on SQLite', 'on both'])
  await other.close()
})

it('stays where a migration outside hybrid mode brought it to R2 after a deletion that is slow to end', async () => {
  const hybrid = await openHybrid()
  await hybrid.storeData({ ...NAMESPACE, id: 'a', data: ['first'] })
  const client = store.client()
  const other = await openHybrid({
    ...client,
    async commit(...about) {
      const committed = await client.commit(...about)
      for (const word of ['two', 'three']) await alone.updateData(append(word))
      const source = await sqlite()
      await runMigration(source, store.direct)
      await source.close()
      return committed
    },
  })
  expect(await other.deleteData('m', 'u', 'a')).toBe(true)
  expect(await inR2()).toEqual(['first', 'two', 'three'])
  expect((await alone.retrieveData('m', 'u', 'a'))?.data).toEqual(['first', 'two', 'three'])
})

it('is changed by a caller who has read it before it was raised above what SQLite had deleted', async () => {
  await alone.storeData({ ...NAMESPACE, id: 'a', data: ['old'] })
  await alone.updateData(append('older'))
  await alone.deleteData('m', 'u', 'a')
  await nextMillisecond()
  await onR2.storeData({ ...NAMESPACE, id: 'a', data: ['first'] })
  const hybrid = await openWithOutbox()
  const whileAway = (word: string, away: () => unknown) =>
    hybrid.updateData({
      ...AT,
      async data(current: unknown) {
        await away()
        return [...(current as string[]), word]
      },
    })
  await whileAway('pending', () => (store.usually = 'down'))
  const { pending } = await whileAway('over it', async () => {
    store.usually = 'ok'
    await hybrid.sync({ timeoutMs: 5_000 })
    store.usually = 'down'
  })
  expect(pending).toBe(true)
  store.usually = 'ok'
  expect(await hybrid.sync({ timeoutMs: 5_000 })).toEqual({ pending: 0 })
  expect(await hybrid.conflicts()).toEqual([])
  expect(await inR2()).toEqual(['first', 'pending', 'over it'])
})
