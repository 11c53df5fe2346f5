import { manageBackend, UmbraError } from '@umbra/core'
import type { StorageBackend, StorageManager } from '@umbra/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { aroundCommits, AT, away, createGate } from '../hybrid/away.fixture.ts'
import { betweenHalves } from '../hybrid/migration-notes.ts'
import { openThreeWays } from '../hybrid/three-ways.fixture.ts'
import type { ThreeWays } from '../hybrid/three-ways.fixture.ts'
import { nextMillisecond } from '../next-millisecond.fixture.ts'
import { createFakeStore } from '../outbox/fake-store.fixture.ts'
import type { FakeStore } from '../outbox/fake-store.fixture.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { runMigration } from './run-migration.ts'

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
const openHybrid = (secondary?: StorageBackend) => ways.openHybrid(undefined, secondary)
const storeAs = (storage: StorageManager, data: readonly string[]) =>
  storage.storeData({ ...AT, id: 'a', data })
const change = (storage: StorageManager, word: string) =>
  storage.updateData({ ...AT, recordId: 'a', data: (current: unknown) => [...(current as string[]), word] })
const remove = (storage: StorageManager) => storage.deleteData(AT.module, AT.userId, 'a')
const read = async (storage: StorageManager) => (await storage.retrieveData('m', 'u', 'a'))?.data

/** In hybrid mode. */
async function toR2(target: StorageBackend = store.client(), source?: StorageBackend) {
  const from = source ?? (await sqlite())
  const clock = { now: () => 0, sleep: async () => {} }
  return runMigration(from, target, { ...betweenHalves(from, 'source'), clock })
}
async function toSqlite(target?: StorageBackend) {
  const to = target ?? (await sqlite())
  return runMigration(store.client(), to, betweenHalves(to, 'target'))
}

/** Does something else before the first commit, which so comes too late. */
function before(backend: StorageBackend, first: () => Promise<unknown>): StorageBackend {
  let isFirst = true
  return aroundCommits(backend, {
    async before() {
      if (isFirst) await first()
      isFirst = false
    },
  })
}

/** What both sides have, and that both directions list the record and change neither. */
async function expectConflict(inSqlite: readonly string[] | undefined, inR2: readonly string[] | undefined) {
  for (const migrate of [toR2, toSqlite]) {
    const report = await migrate()
    expect([await read(alone), await read(onR2)]).toEqual([inSqlite, inR2])
    expect(report.total).toMatchObject({ copied: 0, deleted: 0, conflicts: 1 })
    const reason = expect.stringContaining('both changed') as string
    expect(report.findings).toMatchObject([{ kind: 'conflict', id: 'a', reason }])
  }
}

/** Both have this, and nothing is left to settle. */
async function expectSettled(data: readonly string[]) {
  expect(await toR2()).toMatchObject({ total: { conflicts: 0, alreadyThere: 1 } })
  expect([await read(alone), await read(onR2)]).toEqual([data, data])
}

describe('what both have changed since they had the same is listed, and neither version is replaced', () => {
  beforeEach(async () => {
    await storeAs(await openHybrid(), ['one'])
  })

  it('when R2 has the higher revision', async () => {
    await change(alone, 'alone')
    for (const word of ['r2', 'r2 again']) await change(onR2, word)
    await expectConflict(['one', 'alone'], ['one', 'r2', 'r2 again'])
    await change(await openHybrid(), 'settled')
    await expectSettled(['one', 'r2', 'r2 again', 'settled'])
  })

  it('when SQLite has the higher revision', async () => {
    for (const word of ['alone', 'twice']) await change(alone, word)
    await change(onR2, 'r2')
    await expectConflict(['one', 'alone', 'twice'], ['one', 'r2'])
    await change(await openHybrid(), 'settled')
    await expectSettled(['one', 'r2', 'settled'])
  })

  it('when SQLite has deleted it', async () => {
    await change(alone, 'alone')
    await remove(alone)
    await change(onR2, 'r2')
    expect((await toR2()).total).toMatchObject({ deleted: 0, conflicts: 1 })
    expect(await read(onR2)).toEqual(['one', 'r2'])
    await change(await openHybrid(), 'settled')
    await expectSettled(['one', 'r2', 'settled'])
  })

  it.each([1, 2, 3])('when R2 has deleted it, and SQLite has changed it %i times', async (times) => {
    for (let changes = 0; changes < times; changes++) await change(alone, 'alone')
    await change(onR2, 'r2')
    await remove(onR2)
    await expectConflict(['one', ...Array<string>(times).fill('alone')], undefined)
    await nextMillisecond()
    await storeAs(await openHybrid(), ['settled'])
    await expectSettled(['settled'])
  })

  it('when it was deleted through hybrid, which left what SQLite has changed', async () => {
    for (const word of ['alone', 'twice']) await change(alone, word)
    await change(onR2, 'r2')
    expect(await remove(await openHybrid())).toBe(true)
    await expectConflict(['one', 'alone', 'twice'], undefined)
    await remove(alone)
    expect((await toR2()).total.conflicts).toBe(0)
    expect((await toSqlite()).total.conflicts).toBe(0)
  })

  it.each([
    ['to R2', 'source', []],
    ['to SQLite', 'target', []],
    ['of a later version to R2', 'source', ['r2']],
    ['of a later version to SQLite', 'target', ['r2']],
  ] as const)(
    'when SQLite has changed it since a deletion that R2 has forgotten, %s',
    async (_, side, later) => {
      for (const word of later) await change(onR2, word)
      // It deletes the record from R2, and ends before it can remove the copy.
      await remove(await openHybrid({ ...plainBackend(await sqlite()), commit: away }))
      await change(alone, 'alone')
      const forgotten = createFakeStore().client()
      const file = await sqlite()
      const sides = side === 'source' ? ([file, forgotten] as const) : ([forgotten, file] as const)
      const { total, findings } = await runMigration(...sides, betweenHalves(file, side))
      expect(total).toMatchObject({ copied: 0, deleted: 0, deletedInTarget: 0, conflicts: 1 })
      expect(findings).toMatchObject([{ kind: 'conflict', id: 'a' }])
      expect(await read(alone)).toEqual(['one', 'alone'])
    },
  )

  it('when R2 has deleted it, and stored another one', async () => {
    await change(alone, 'alone')
    await remove(onR2)
    await nextMillisecond()
    await storeAs(onR2, ['another'])
    await expectConflict(['one', 'alone'], ['another'])
  })

  it('when R2 gets its version, and SQLite the next one, while a commit is on its way', async () => {
    for (const word of ['alone', 'twice']) await change(alone, word)
    const target = before(store.client(), async () => {
      await change(onR2, 'r2')
      await change(alone, 'thrice')
    })
    expect((await toR2(target)).total).toMatchObject({ copied: 0, conflicts: 1 })
    expect(await read(onR2)).toEqual(['one', 'r2'])
  })
})

describe('of two records with one id neither is replaced', () => {
  it('when SQLite has the higher revision', async () => {
    await storeAs(alone, ['own'])
    await change(alone, 'twice')
    await nextMillisecond()
    await storeAs(onR2, ['of r2'])
    await expectConflict(['own', 'twice'], ['of r2'])
    await change(await openHybrid(), 'settled')
    await expectSettled(['of r2', 'settled'])
  })

  it('when R2 has the higher revision', async () => {
    await storeAs(alone, ['own'])
    await nextMillisecond()
    await storeAs(onR2, ['of r2'])
    await change(onR2, 'twice')
    await expectConflict(['own'], ['of r2', 'twice'])
  })

  it('when one is the copy of what R2 has deleted, and has forgotten', async () => {
    const hybrid = await openHybrid()
    await storeAs(hybrid, ['one'])
    await change(hybrid, 'two')
    await nextMillisecond()
    const later = createFakeStore()
    const onLater = manageBackend(later.direct)
    await storeAs(onLater, ['new'])
    expect((await toR2(later.client())).total).toMatchObject({ copied: 0, conflicts: 1 })
    expect(await read(onLater)).toEqual(['new'])
  })

  it('when R2 gets its own while a commit is on its way', async () => {
    await storeAs(alone, ['own'])
    await change(alone, 'twice')
    await nextMillisecond()
    const target = before(store.client(), () => storeAs(onR2, ['of r2']))
    expect((await toR2(target)).total).toMatchObject({ copied: 0, conflicts: 1 })
    expect(await read(onR2)).toEqual(['of r2'])
  })

  it('when SQLite gets its own while a commit is on its way', async () => {
    await storeAs(onR2, ['of r2'])
    await change(onR2, 'twice')
    await nextMillisecond()
    const target = before(await sqlite(), () => storeAs(alone, ['own']))
    expect((await toSqlite(target)).total).toMatchObject({ copied: 0, conflicts: 1 })
    expect(await read(alone)).toEqual(['own'])
  })
})

describe('nothing is listed', () => {
  it('when R2 has deleted what SQLite has a copy of, and stored another one', async () => {
    await storeAs(await openHybrid(), ['one'])
    await remove(onR2)
    await nextMillisecond()
    await storeAs(onR2, ['another'])
    expect((await toR2()).total).toMatchObject({ copied: 0, conflicts: 0, newerInTarget: 1 })
    expect((await toSqlite()).total).toMatchObject({ copied: 1, conflicts: 0 })
    await expectSettled(['another'])
  })

  it('when hybrid changes what was only in SQLite while it is copied', async () => {
    await storeAs(alone, ['one'])
    const copying = createGate()
    const hybrid = await openHybrid(aroundCommits(await sqlite(), { before: copying.pass }))
    const source = plainBackend(await sqlite())
    let changing: Promise<unknown> | undefined
    const listed: StorageBackend = {
      ...source,
      async openBody(...about) {
        changing ??= change(hybrid, 'two')
        await copying.reached
        return source.openBody(...about)
      },
    }
    const report = await toR2(store.client(), listed)
    copying.open()
    await changing
    expect(report.total.conflicts).toBe(0)
    await expectSettled(['one', 'two'])
  })

  it('when the answer to a commit was lost, and R2 went on from what it had got', async () => {
    await storeAs(alone, ['one'])
    const client = store.client()
    let isFirst = true
    const losing: StorageBackend = {
      ...client,
      async commit(...about) {
        const made = await client.commit(...about)
        if (!isFirst) return made
        isFirst = false
        await change(onR2, 'two')
        throw new UmbraError('OUTCOME_PENDING', 'the answer is lost')
      },
    }
    expect((await toR2(losing)).total).toMatchObject({ conflicts: 0, newerInTarget: 1 })
    expect((await toSqlite()).total).toMatchObject({ copied: 1, conflicts: 0 })
    await expectSettled(['one', 'two'])
  })
})

it('counts a record once that both sides got while it was copied', async () => {
  await storeAs(alone, ['one'])
  const hybrid = await openHybrid()
  const source = plainBackend(await sqlite())
  let isFirst = true
  const listed: StorageBackend = {
    ...source,
    async openBody(...about) {
      if (isFirst) await change(hybrid, 'two')
      isFirst = false
      return source.openBody(...about)
    },
  }
  expect((await toR2(store.client(), listed)).total).toMatchObject({ copied: 0, alreadyThere: 1 })
})

it('shows nothing that R2 has deleted, although the migration that copied it to SQLite was killed right after its commit', async () => {
  await storeAs(onR2, ['one'])
  const killed = aroundCommits(await sqlite(), {
    after: () => {
      throw new UmbraError('INTERNAL', 'killed')
    },
  })
  await expect(toSqlite(killed)).rejects.toMatchObject({ code: 'INTERNAL' })
  expect(await read(alone)).toEqual(['one'])
  await remove(onR2)
  expect(await read(await openHybrid())).toBeUndefined()
})
