import { collectBytes, hasErrorCode, manageBackend, UmbraError } from '@umbra/core'
import type { StorageBackend, StorageManager, StoredEntry, ErrorCode } from '@umbra/core'
import { createSqliteBackend, openOutbox } from '@umbra/sqlite'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { runMigration } from '../migration/run-migration.ts'
import { createFakeStore } from '../outbox/fake-store.fixture.ts'
import type { FakeStore } from '../outbox/fake-store.fixture.ts'
import { QUICK } from '../outbox/outbox-backend.fixture.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { aroundCommits } from './away.fixture.ts'
import { createHybridBackend } from './hybrid-backend.ts'
import { createHybridWithOutbox } from './hybrid-with-outbox.ts'
import { migrationNotes } from './migration-notes.ts'

const AT = { module: 'm', userId: 'u', recordId: 'a' }

type Step =
  | {
      readonly kind:
        | 'on SQLite alone'
        | 'created again on SQLite alone'
        | 'hybrid'
        | 'with outbox'
        | 'migration'
    }
  /** Over a version that is outdated, so that nothing comes of it but what goes before it, of which the answer is lost. */
  | { readonly kind: 'refused' | 'refused with outbox'; readonly isAnswerLost: boolean }
  | { readonly kind: 'migration without an answer' }
  /** From R2 to SQLite, or else the other way; maybe the process dies as soon as something is committed. */
  | { readonly kind: 'migration either way'; readonly isBack: boolean; readonly isKilled: boolean }
  /** The process dies so many calls, of R2 or SQLite, after it has made its copy. */
  | { readonly kind: 'hybrid killed'; readonly after: number }
  /** Nothing comes of it, and maybe it is not even said so. */
  | { readonly kind: 'deletion that fails'; readonly code: 'UNAVAILABLE' | 'OUTCOME_PENDING' }
  /** R2 goes away after so many requests. */
  | { readonly kind: 'hybrid cut off'; readonly after: number }
  | { readonly kind: 'with outbox cut off'; readonly after: number; readonly isChangedMeanwhile: boolean }

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('on SQLite alone' as const, 'created again on SQLite alone' as const),
  }),
  fc.record({ kind: fc.constantFrom('hybrid' as const, 'with outbox' as const, 'migration' as const) }),
  fc.record({
    kind: fc.constantFrom('refused' as const, 'refused with outbox' as const),
    isAnswerLost: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('migration without an answer' as const) }),
  fc.record({
    kind: fc.constant('migration either way' as const),
    isBack: fc.boolean(),
    isKilled: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('hybrid killed' as const), after: fc.nat(4) }),
  fc.record({
    kind: fc.constant('deletion that fails' as const),
    code: fc.constantFrom('UNAVAILABLE' as const, 'OUTCOME_PENDING' as const),
  }),
  fc.record({ kind: fc.constant('hybrid cut off' as const), after: fc.nat(4) }),
  fc.record({
    kind: fc.constant('with outbox cut off' as const),
    after: fc.nat(4),
    isChangedMeanwhile: fc.boolean(),
  }),
)

const KILLED_AFTER_COPY: Step[] = [{ kind: 'hybrid killed', after: 0 }, { kind: 'on SQLite alone' }]
const KILLED_MIGRATION: Step[] = [
  { kind: 'migration either way', isBack: false, isKilled: true },
  { kind: 'on SQLite alone' },
]

class World {
  readonly #store: FakeStore = createFakeStore()
  readonly #path: string
  /** Requests that are still answered; then R2 is away. */
  #left = Infinity
  #loseNextCommit = false
  #failNextCommit: ErrorCode | undefined
  /** Words that were acknowledged, in order, and those that may or may not have been stored. */
  readonly acknowledged: string[] = []
  readonly unsettled: string[] = []

  constructor(path: string) {
    this.#path = path
  }

  /** R2 as the hybrids see it: only what goes before a write may lose its answer, as the write itself may then have been made. */
  primary(): StorageBackend {
    const client = this.#store.client()
    const { numbered } = client
    const sent = async <T>(request: () => Promise<T>): Promise<T> => {
      if (this.#left-- <= 0) throw new UmbraError('UNAVAILABLE', 'r2 is away')
      return request()
    }
    return {
      ...client,
      ...(numbered && {
        numbered: { commitNumbered: (...about) => sent(() => numbered.commitNumbered(...about)) },
      }),
      getEntry: (...about) => sent(() => client.getEntry(...about)),
      commit: (...about) =>
        sent(async () => {
          const code = this.#failNextCommit
          this.#failNextCommit = undefined
          if (code !== undefined) throw new UmbraError(code, 'the request does not arrive')
          const committed = await client.commit(...about)
          if (!this.#loseNextCommit) return committed
          this.#loseNextCommit = false
          throw new UmbraError('OUTCOME_PENDING', 'the answer is lost')
        }),
    }
  }

  sqlite = () => createSqliteBackend({ path: this.#path, durability: 'relaxed' })

  async open() {
    const secondary = await this.sqlite()
    return {
      alone: manageBackend(await this.sqlite()),
      plain: manageBackend(createHybridBackend({ primary: this.primary(), secondary })),
      queued: await this.openQueued(),
      onR2: manageBackend(this.#store.direct),
    }
  }

  async openQueued(): Promise<StorageManager> {
    const parts = {
      primary: this.primary(),
      secondary: await this.sqlite(),
      outbox: await openOutbox({ path: this.#path }),
    }
    return manageBackend(createHybridWithOutbox({ ...parts, policy: QUICK }))
  }

  async append(storage: StorageManager, word: string, ifMatch?: string): Promise<void> {
    const data = (current: unknown) => [...(current as string[]), word]
    const outcome = await storage.updateData({ ...AT, data, ...(ifMatch !== undefined && { ifMatch }) })
    if (outcome.pending) this.unsettled.push(word)
    else this.acknowledged.push(word)
  }

  async createAgain(storage: StorageManager, word: string): Promise<void> {
    const { data } = (await storage.retrieveData('m', 'u', 'a')) ?? expect.unreachable()
    await storage.deleteData('m', 'u', 'a')
    await storage.storeData({ module: 'm', userId: 'u', id: 'a', data: [...(data as string[]), word] })
    this.acknowledged.push(word)
  }

  /** Resolves when R2 is back. */
  async cutOff(after: number, work: () => Promise<unknown>): Promise<void> {
    this.#left = after
    // Without R2 a record counts as deleted once a deletion may have been made.
    await work().catch(expectCode('UNAVAILABLE', 'NOT_FOUND'))
    this.#left = Infinity
  }

  async withLostAnswer(isLost: boolean, work: () => Promise<unknown>): Promise<void> {
    this.#loseNextCommit = isLost
    await work()
    this.#loseNextCommit = false
  }

  async failDeletion(storage: StorageManager, code: ErrorCode): Promise<void> {
    this.#failNextCommit = code
    await storage.deleteData('m', 'u', 'a').catch(expectCode('UNAVAILABLE', 'OUTCOME_PENDING'))
  }

  /** What it has stored on both sides counts as acknowledged. */
  async kill(after: number, word: string): Promise<void> {
    const [process, sqlite] = [createMortal(), await this.sqlite()]
    const hasWord = async () => {
      const stored = await sqlite.getEntry({ module: 'm', userId: 'u' }, 'a')
      return stored !== undefined && (await textOf(sqlite, stored)).includes(word)
    }
    const secondary: StorageBackend = {
      ...process.owns(sqlite),
      async commit(...about) {
        process.assertAlive()
        const committed = await sqlite.commit(...about)
        if (await hasWord()) process.dieAfter(after)
        return committed
      },
    }
    const hybrid = manageBackend(createHybridBackend({ primary: process.owns(this.primary()), secondary }))
    await hybrid
      .updateData({ ...AT, data: (current: unknown) => [...(current as string[]), word] })
      .catch(expectCode('INTERNAL'))
    if (await hasWord()) this.acknowledged.push(word)
    await sqlite.close()
  }

  async migrateEitherWay(isBack: boolean, isKilled: boolean): Promise<void> {
    const [process, sqlite] = [createMortal(), await this.sqlite()]
    const sides = [process.owns(sqlite), process.owns(this.primary())]
    const [source, target] = isBack ? sides.toReversed() : sides
    if (source === undefined || target === undefined) return expect.unreachable()
    const commits = aroundCommits(target, { after: () => isKilled && process.dieAfter(0) })
    await runMigration(source, commits, migrationNotes(process.owns(sqlite))).catch(expectCode('INTERNAL'))
    await sqlite.close()
  }

  async migrate(): Promise<void> {
    const source = await this.sqlite()
    await runMigration(source, this.primary(), migrationNotes(source))
    await source.close()
  }
}

/** A process that may die: then none of its calls arrives any more. */
function createMortal() {
  let left = Infinity
  const assertAlive = () => {
    if (left-- <= 0) throw new UmbraError('INTERNAL', 'killed')
  }
  const guarded = <T extends object>(whole: T): T =>
    new Proxy(whole, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name)
        if (typeof member === 'object' && member !== null) return guarded(member)
        if (typeof member !== 'function') return member
        return (...about: unknown[]) => {
          assertAlive()
          return Reflect.apply(member, target, about) as unknown
        }
      },
    })
  return {
    assertAlive,
    dieAfter: (calls: number) => void (left = calls),
    owns: (backend: StorageBackend) => guarded(plainBackend(backend)),
  }
}

async function textOf(backend: StorageBackend, stored: StoredEntry): Promise<string> {
  return Buffer.from(await collectBytes(await backend.openBody(stored))).toString()
}

function expectCode(...codes: ErrorCode[]) {
  return (error: unknown) => {
    if (!hasErrorCode(error, ...codes)) throw error
  }
}

it('nothing that was acknowledged is lost, whichever process wrote it, and whatever failed before and after it', async () => {
  const check = fc.asyncProperty(fc.array(anyStep, { minLength: 2, maxLength: 8 }), async (steps) => {
    const folder = await createStorageFolder()
    const world = new World(folder.sqlitePath)
    const { alone, plain, onR2, ...opened } = await world.open()
    let { queued } = opened
    const first = await alone.storeData({ module: 'm', userId: 'u', id: 'a', data: [] })
    for (const [n, step] of steps.entries()) {
      const word = `${n} ${step.kind}`
      switch (step.kind) {
        case 'on SQLite alone':
          await world.append(alone, word)
          break
        case 'created again on SQLite alone':
          await world.createAgain(alone, word)
          break
        case 'hybrid':
          await world.append(plain, word)
          break
        case 'with outbox':
          await world.append(queued, word)
          break
        case 'refused':
        case 'refused with outbox': {
          const storage = step.kind === 'refused' ? plain : queued
          const outdated = world.acknowledged.length === 0 ? `2${first.etag.slice(1)}` : first.etag
          await world.withLostAnswer(step.isAnswerLost, () =>
            world.append(storage, word, outdated).catch(expectCode('PRECONDITION_FAILED', 'UNAVAILABLE')),
          )
          break
        }
        case 'migration':
          await world.migrate()
          break
        case 'migration without an answer':
          await world.withLostAnswer(true, () => world.migrate())
          break
        case 'migration either way':
          await world.migrateEitherWay(step.isBack, step.isKilled)
          break
        case 'hybrid killed':
          await world.kill(step.after, word)
          break
        case 'hybrid cut off':
          await world.cutOff(step.after, () => world.append(plain, word))
          break
        case 'with outbox cut off':
          await world.cutOff(step.after, async () => {
            await world.append(queued, word)
            if (!step.isChangedMeanwhile) return
            // Nothing is sent meanwhile: of two changes at the same time one may yield.
            await queued.close()
            await world.append(alone, `${word}, alone`)
            queued = await world.openQueued()
          })
          await queued.sync({ timeoutMs: 5_000 })
          break
        case 'deletion that fails':
          await world.failDeletion(plain, step.code)
          break
      }
    }
    await queued.sync({ timeoutMs: 5_000 })
    await world.append(plain, 'last')
    const stored = (await onR2.retrieveData('m', 'u', 'a'))?.data as string[]
    expect(stored.filter((word) => !world.unsettled.includes(word))).toEqual(world.acknowledged)
    expect(new Set(stored).size).toBe(stored.length)
    const refused = await queued.conflicts()
    expect(world.unsettled.filter((word) => !stored.includes(word))).toHaveLength(refused.length)
    expect((await alone.retrieveData('m', 'u', 'a'))?.data).toEqual(stored)
    for (const storage of [alone, plain, queued]) await storage.close()
    await folder.remove()
  })
  await fc.assert(check, { numRuns: 30, examples: [[KILLED_AFTER_COPY], [KILLED_MIGRATION]] })
})
