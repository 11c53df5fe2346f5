import { createMemoryBackend, createMemoryBody, manageBackend, recordEtag, UmbraError } from '@umbra/core'
import type { BaseVersions, Mutation, StorageBackend, StorageManager } from '@umbra/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runMigration } from '../migration/run-migration.ts'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import { createFakeStore } from '../outbox/fake-store.fixture.ts'
import type { FakeStore } from '../outbox/fake-store.fixture.ts'
import { nextMillisecond } from '../next-millisecond.fixture.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { aroundCommits, AT, createGate, deleteOnSqliteAlone } from './away.fixture.ts'
import { createHybridBackend } from './hybrid-backend.ts'
import { migrationNotes } from './migration-notes.ts'
import { toDraft } from './secondary-only.ts'
import { openThreeWays } from './three-ways.fixture.ts'
import type { ThreeWays } from './three-ways.fixture.ts'

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
const openHybrid = (...about: Parameters<ThreeWays['openHybrid']>) => ways.openHybrid(...about)

const append = (word: string, recordId = 'a') => ({
  ...AT,
  recordId,
  data: (current: unknown) => [...(current as string[]), word],
})
const read = async (storage: StorageManager) => (await storage.retrieveData('m', 'u', 'a'))?.data

/** R2 that takes so many commits, and refuses every later one. */
function takingOnly(commits: number, code: 'UNAVAILABLE' | 'OUTCOME_PENDING' | 'FORBIDDEN'): StorageBackend {
  const client = store.client()
  let left = commits
  return {
    ...client,
    async commit(...about) {
      if (left-- <= 0) throw new UmbraError(code, 'r2 does not take it')
      return client.commit(...about)
    },
  }
}

/** SQLite in which something happens before bases are asked for, or edited. */
async function aroundBases(
  before: Partial<Record<keyof BaseVersions, () => unknown>>,
): Promise<StorageBackend> {
  const backend = await sqlite()
  const { bases } = backend
  if (bases === undefined) return expect.unreachable()
  return {
    ...plainBackend(backend),
    bases: {
      async get(...about) {
        await before.get?.()
        return bases.get(...about)
      },
      async edit(...about) {
        await before.edit?.()
        return bases.edit(...about)
      },
    },
  }
}

describe('a base of a record', () => {
  it('is nothing that somebody is late to say of a copy which others have made meanwhile', async () => {
    await (await openHybrid()).storeData({ ...AT, id: 'a', data: ['one'] })
    // Slow between R2 and its copy, and R2 does not answer its raise.
    const copying = createGate()
    const slowToCopy = aroundCommits(await sqlite(), { before: copying.pass })
    const first = (await openHybrid(takingOnly(1, 'UNAVAILABLE'), slowToCopy)).updateData(append('two'))
    await copying.reached
    await (await openHybrid()).updateData(append('three'))
    // Slow between finding both equal and saying so.
    const settling = createGate()
    const source = await aroundBases({ get: settling.pass })
    const migration = runMigration(source, store.client(), { maxPasses: 1, isHybrid: true })
    await settling.reached
    await alone.deleteData('m', 'u', 'a')
    copying.open()
    await first
    settling.open()
    await migration
    await (await openHybrid()).updateData(append('four'))
    expect(await read(onR2)).toEqual(['one', 'two', 'three', 'four'])
  })

  it('is no sign of a copy when it was sent and never arrived: a read replaces nothing', async () => {
    await (await openHybrid()).storeData({ ...AT, id: 'a', data: ['one'] })
    const behind = await openHybrid(takingOnly(0, 'OUTCOME_PENDING'))
    await expect(behind.updateData(append('never'))).rejects.toMatchObject({ code: 'OUTCOME_PENDING' })
    for (const word of ['alone', 'twice']) await alone.updateData(append(word))
    const migration = runMigration(await sqlite(), takingOnly(0, 'FORBIDDEN'), { isHybrid: true })
    await expect(migration).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await onR2.updateData(append('on R2'))
    expect(await read(behind)).toEqual(['one', 'on R2'])
    expect(await read(alone)).toEqual(['one', 'alone', 'twice'])
  })

  it('is what a migration has copied from R2, whenever it is killed', async () => {
    await onR2.storeData({ ...AT, id: 'a', data: ['one'] })
    const killed = aroundCommits(await sqlite(), {
      after: () => {
        throw new UmbraError('INTERNAL', 'killed')
      },
    })
    const migration = runMigration(store.client(), killed, migrationNotes(killed))
    await expect(migration).rejects.toMatchObject({ code: 'INTERNAL' })
    await alone.updateData(append('alone'))
    await (await openHybrid()).updateData(append('both'))
    expect(await read(onR2)).toEqual(['one', 'alone', 'both'])
  })

  it('is what a copy was replaced by', async () => {
    await deleteOnSqliteAlone(ways.sqlitePath)
    await (await openHybrid(takingOnly(1, 'UNAVAILABLE'))).storeData({ ...AT, id: 'a', data: ['one'] })
    await onR2.updateData(append('on R2'))
    const raising = await openHybrid(takingOnly(0, 'OUTCOME_PENDING'))
    await expect(raising.updateData(append('never'))).rejects.toMatchObject({ code: 'OUTCOME_PENDING' })
    expect(await read(raising)).toEqual(['one', 'on R2'])
    expect(await read(alone)).toEqual(['one', 'on R2'])
    await alone.updateData(append('alone'))
    await (await openHybrid()).updateData(append('both'))
    expect(await read(onR2)).toEqual(['one', 'on R2', 'alone', 'both'])
  })

  it.each(['copied by hybrid', 'carried over', 'migrated'])(
    'is current when it is sent (%s)',
    async (how) => {
      if (how === 'carried over') await (await openHybrid()).storeData({ ...AT, id: 'a', data: ['one'] })
      else await alone.storeData({ ...AT, id: 'a', data: ['one'] })
      if (how === 'carried over') await alone.updateData(append('two'))
      let isChanged = false
      const secondary = await aroundBases({
        async edit() {
          if (!isChanged) await alone.updateData(append('meanwhile'))
          isChanged = true
        },
      })
      const client = store.client()
      const dying: StorageBackend = {
        ...client,
        async commit(...about) {
          await client.commit(...about)
          throw new UmbraError('INTERNAL', 'killed')
        },
      }
      const killed =
        how === 'migrated'
          ? runMigration(secondary, dying, { isHybrid: true })
          : (await openHybrid(dying, secondary)).updateData(append('not tried'))
      await killed.catch((error: unknown) => expect(error).toMatchObject({ code: 'INTERNAL' }))
      await alone.updateData(append('alone'))
      await (await openHybrid()).updateData(append('both'))
      const words = ['one', ...(how === 'carried over' ? ['two'] : []), 'meanwhile', 'alone', 'both']
      expect(await read(onR2)).toEqual(words)
    },
  )

  it('that both had before any was kept is known once a migration finds it, also when it is changed meanwhile', async () => {
    await (await openHybrid()).storeData({ ...AT, id: 'a', data: ['one'] })
    await (await sqlite()).bases?.edit(AT, ['a'], () => [])
    let isChanged = false
    const source = await aroundBases({
      async edit() {
        if (!isChanged) await alone.updateData(append('alone'))
        isChanged = true
      },
    })
    await runMigration(source, store.client(), { maxPasses: 1, isHybrid: true })
    expect(isChanged).toBe(true)
    await (await openHybrid()).updateData(append('both'))
    expect(await read(onR2)).toEqual(['one', 'alone', 'both'])
  })

  it('is not needed: SQLite may be another backend, that keeps none', async () => {
    const hybrid = ways.keep(
      manageBackend(
        createHybridBackend({ primary: createMemoryBackend(), secondary: createMemoryBackend() }),
      ),
    )
    await hybrid.storeData({ ...AT, id: 'a', data: ['one'] })
    await hybrid.updateData(append('two'))
    expect(await read(hybrid)).toEqual(['one', 'two'])
  })
})

describe('a deletion leaves no base', () => {
  const basesOfA = async () => (await (await sqlite()).bases?.get(AT, 'a'))?.bases

  it('when it was made through hybrid', async () => {
    const hybrid = await openHybrid()
    await hybrid.storeData({ ...AT, id: 'a', data: ['one'] })
    expect(await basesOfA()).toHaveLength(1)
    await hybrid.deleteData('m', 'u', 'a')
    expect(await basesOfA()).toEqual([])
  })

  it('when R2 alone made it, and its copy is met by a read', async () => {
    const behind = await openHybrid(takingOnly(1, 'OUTCOME_PENDING'))
    await behind.storeData({ ...AT, id: 'a', data: ['one'] })
    await expect(behind.updateData(append('never'))).rejects.toMatchObject({ code: 'OUTCOME_PENDING' })
    await onR2.deleteData('m', 'u', 'a')
    expect(await read(behind)).toBeUndefined()
    expect(await read(alone)).toBeUndefined()
    expect(await basesOfA()).toEqual([])
  })

  it('when a migration brought it', async () => {
    await (await openHybrid()).storeData({ ...AT, id: 'a', data: ['one'] })
    await onR2.deleteData('m', 'u', 'a')
    await runMigration(store.client(), await sqlite(), { isHybrid: true })
    expect(await read(alone)).toBeUndefined()
    expect(await basesOfA()).toEqual([])
  })

  it('when a late copy of what was deleted for good is removed', async () => {
    const other = await openHybrid()
    let isDeleted = false
    const slow = aroundCommits(await sqlite(), {
      async before() {
        if (!isDeleted) {
          isDeleted = true
          await other.deleteData('m', 'u', 'a', { hard: true })
        }
      },
    })
    await (await openHybrid(store.client(), slow)).storeData({ ...AT, id: 'a', data: ['one'] })
    expect(await read(alone)).toBeUndefined()
    expect(await basesOfA()).toEqual([])
  })

  it('when SQLite alone removes the late copy of what was deleted for good', async () => {
    const other = await openHybrid()
    let isFirst = true
    const slow = aroundCommits(await sqlite(), {
      before: async () => isFirst && (await other.deleteData('m', 'u', 'a', { hard: true })),
      async after() {
        if (isFirst) expect(await alone.deleteData('m', 'u', 'a')).toBe(true)
        isFirst = false
      },
    })
    await (await openHybrid(store.client(), slow)).storeData({ ...AT, id: 'a', data: ['one'] })
    expect(await basesOfA()).toEqual([])
  })

  it('but those of the record that came after it', async () => {
    const other = await openHybrid()
    let isFirst = true
    const slow = aroundCommits(await sqlite(), {
      async after() {
        if (!isFirst) return
        isFirst = false
        await other.deleteData('m', 'u', 'a')
        await nextMillisecond()
        await other.storeData({ ...AT, id: 'a', data: ['second'] })
        await alone.deleteData('m', 'u', 'a')
      },
    })
    await (await openHybrid(store.client(), slow)).storeData({ ...AT, id: 'a', data: ['first'] })
    await nextMillisecond()
    await alone.storeData({ ...AT, id: 'a', data: ['on SQLite'] })
    await other.updateData(append('both'))
    expect(await read(onR2)).toEqual(['on SQLite', 'both'])
  })

  it('when it was made on SQLite alone, and is made again for good through hybrid', async () => {
    const hybrid = await openHybrid()
    await hybrid.storeData({ ...AT, id: 'a', data: ['one'] })
    await alone.deleteData('m', 'u', 'a')
    expect(await basesOfA()).toHaveLength(1)
    await hybrid.deleteData('m', 'u', 'a', { hard: true })
    expect(await basesOfA()).toEqual([])
  })
})

/** R2, after whose first commit SQLite alone changes its own record twice, which is then in the way of R2's. */
function changingAfterFirstCommit(): StorageBackend {
  const client = store.client()
  let isCommitted = false
  return {
    ...client,
    async commit(...about) {
      const made = await client.commit(...about)
      if (!isCommitted) {
        isCommitted = true
        for (const word of ['x', 'y']) await alone.updateData(append(word))
      }
      return made
    },
  }
}

it('a copy of what another record was in the way of is known to be one', async () => {
  const hybrid = await openHybrid()
  await hybrid.storeData({ ...AT, id: 'b', data: ['b'] })
  await alone.storeData({ ...AT, id: 'a', data: ['own'] })
  await nextMillisecond()
  await onR2.storeData({ ...AT, id: 'a', data: ['of R2'] })
  const primary = changingAfterFirstCommit()
  let isDone = false
  const secondary = aroundCommits(await sqlite(), {
    async before() {
      if (isDone) return
      isDone = true
      await alone.updateData(append('z', 'b'))
      await alone.deleteData('m', 'u', 'a')
    },
  })
  const puts = await Promise.all(['a', 'b'].map((id) => replacement(id)))
  await createHybridBackend({ primary, secondary }).commit(AT, puts)
  await onR2.deleteData('m', 'u', 'a')
  expect(await hybrid.retrieveData('m', 'u', 'a')).toBeNull()
})

async function replacement(id: string): Promise<Mutation> {
  const { entry } = (await store.direct.getEntry(AT, id)) ?? expect.unreachable()
  const body = createMemoryBody(new TextEncoder().encode(JSON.stringify([id, 'changed'])))
  const content = { size: body.size, sha256: body.sha256, updated_at: new Date().toISOString() }
  const expected = { kind: 'etag', etag: recordEtag(entry) } as const
  return { kind: 'put', draft: { ...toDraft(entry), ...content }, body, expect: expected }
}

it('a copy of what another record was in the way of, until others deleted that while a deletion beside it was copied, is known to be one', async () => {
  const hybrid = await openHybrid()
  await hybrid.storeData({ ...AT, id: 'b', data: ['b'] })
  await alone.storeData({ ...AT, id: 'a', data: ['own'] })
  await nextMillisecond()
  await onR2.storeData({ ...AT, id: 'a', data: ['of R2'] })
  const primary = changingAfterFirstCommit()
  const backend = plainBackend(await sqlite())
  let isDone = false
  const secondary: StorageBackend = {
    ...backend,
    blobs: {
      ...backend.blobs,
      async put(...about) {
        const result = await backend.blobs.put(...about)
        if (!isDone && new TextDecoder().decode(about[1]).includes('deletedRev')) {
          isDone = true
          await alone.deleteData('m', 'u', 'a')
        }
        return result
      },
    },
  }
  const put = await replacement('a')
  const { entry } = (await store.direct.getEntry(AT, 'b')) ?? expect.unreachable()
  const deletion: Mutation = {
    kind: 'delete',
    id: 'b',
    at: new Date().toISOString(),
    expect: { kind: 'etag', etag: recordEtag(entry) },
  }
  await createHybridBackend({ primary, secondary }).commit(AT, [put, deletion])
  expect(isDone).toBe(true)
  await onR2.deleteData('m', 'u', 'a')
  expect(await hybrid.retrieveData('m', 'u', 'a')).toBeNull()
})

describe('a migration in hybrid mode', () => {
  const HYBRID = { isHybrid: true }
  /** A copy under a higher revision than R2's, which was not raised to it. */
  async function copyWithoutRaise() {
    await deleteOnSqliteAlone(ways.sqlitePath)
    await (await openHybrid(takingOnly(1, 'UNAVAILABLE'))).storeData({ ...AT, id: 'a', data: ['one'] })
  }

  it.each(['sqlite', 'r2'])(
    'leaves what R2 has got since a copy was made whose raise did not arrive, and lists the two (from %s)',
    async (from) => {
      await copyWithoutRaise()
      await onR2.updateData(append('on R2'))
      const sides = [await sqlite(), store.client()] as const
      const [source, target] = from === 'sqlite' ? sides : ([sides[1], sides[0]] as const)
      const report = await runMigration(source, target, HYBRID)
      expect(report.total).toMatchObject({ copied: 0, conflicts: 1 })
      expect(report.findings[0]?.reason).toContain('have both changed')
      expect(await read(onR2)).toEqual(['one', 'on R2'])
      await (await openHybrid()).updateData(append('both'))
      expect(await read(onR2)).toEqual(['one', 'on R2', 'both'])
      expect(await runMigration(source, target, HYBRID)).toMatchObject({ total: { conflicts: 0 } })
    },
  )

  it('leaves also what R2 gets between the listing and the commit', async () => {
    await copyWithoutRaise()
    let isFirst = true
    const source = await aroundBases({
      async edit() {
        if (isFirst) await onR2.updateData(append('on R2'))
        isFirst = false
      },
    })
    expect(await runMigration(source, store.client(), HYBRID)).toMatchObject({ total: { conflicts: 1 } })
    expect(await read(onR2)).toEqual(['one', 'on R2'])
  })

  it('leaves also what R2 gets while the commit is on its way', async () => {
    await copyWithoutRaise()
    const client = store.client()
    let isFirst = true
    const target: StorageBackend = {
      ...client,
      async commit(...about) {
        if (isFirst) await onR2.updateData(append('on R2'))
        isFirst = false
        return client.commit(...about)
      },
    }
    expect(await runMigration(await sqlite(), target, HYBRID)).toMatchObject({ total: { conflicts: 1 } })
    expect(await read(onR2)).toEqual(['one', 'on R2'])
  })

  it('lists what both have changed, and decides nothing', async () => {
    await (await openHybrid()).storeData({ ...AT, id: 'a', data: ['one'] })
    for (const word of ['alone', 'twice']) await alone.updateData(append(word))
    await onR2.updateData(append('on R2'))
    expect(await runMigration(await sqlite(), store.client(), HYBRID)).toMatchObject({
      total: { copied: 0, conflicts: 1 },
    })
    expect(await read(onR2)).toEqual(['one', 'on R2'])
    expect(await read(alone)).toEqual(['one', 'alone', 'twice'])
  })

  it('brings a bucket that was set back to where its copies are', async () => {
    const hybrid = await openHybrid()
    await hybrid.storeData({ ...AT, id: 'a', data: ['one'] })
    const setBack = createFakeStore()
    await runMigration(await sqlite(), setBack.client())
    await hybrid.updateData(append('two'))
    await runMigration(await sqlite(), setBack.client(), HYBRID)
    expect(await read(manageBackend(setBack.direct))).toEqual(['one', 'two'])
  })
})

it('a migration to another bucket leaves the bases what they are', async () => {
  await (await openHybrid()).storeData({ ...AT, id: 'a', data: ['one'] })
  await alone.updateData(append('alone'))
  await runMigration(await sqlite(), createFakeStore().client())
  await (await openHybrid()).updateData(append('both'))
  expect(await read(onR2)).toEqual(['one', 'alone', 'both'])
})

it('an empty body is current when it is sent to R2', async () => {
  const server = await startLocalR2()
  const r2 = plainBackend(await createR2Backend(server.settings))
  const lines = (...data: number[]) => ({ ...AT, recordId: 'a', data: { records: data.map((n) => ({ n })) } })
  const { size } = await alone.storeData({ ...AT, id: 'a', data: { records: [] }, dataFormat: 'jsonl' })
  expect(size).toBe(0)
  let isChanged = false
  const secondary = await aroundBases({
    async edit() {
      if (!isChanged) await alone.updateData(lines(2))
      isChanged = true
    },
  })
  const dying: StorageBackend = {
    ...r2,
    async commit(...about) {
      await r2.commit(...about)
      throw new UmbraError('INTERNAL', 'killed')
    },
  }
  const killed = (await openHybrid(dying, secondary)).updateData(lines(9))
  await killed.catch((error: unknown) => expect(error).toMatchObject({ code: 'INTERNAL' }))
  await alone.updateData(lines(3))
  const appendLine = (now: unknown) => ({ records: [...(now as { records: unknown[] }).records, { n: 4 }] })
  await (await openHybrid(r2)).updateData({ ...AT, recordId: 'a', data: appendLine })
  expect(await read(alone)).toEqual({ records: [{ n: 3 }, { n: 4 }] })
  await server.close()
})
