import { manageBackend } from '@umbra/core'
import type { Namespace, StorageManager } from '@umbra/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSqlite } from '../hybrid/away.fixture.ts'
import { createHybridBackend } from '../hybrid/hybrid-backend.ts'
import { betweenHalves } from '../hybrid/migration-notes.ts'
import { nextMillisecond } from '../next-millisecond.fixture.ts'
import { createFakeStore } from '../outbox/fake-store.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import type { MigrationReport } from './migration-report.ts'
import { runMigration } from './run-migration.ts'

/** What one side does to the record that both had: it changes it, deletes it, stores a new one under its id. */
type Step = 'change' | 'delete' | 'anew'
type History = readonly Step[]
type Data = readonly string[] | undefined
type Target = 'sqlite' | 'r2'

const MAX_STEPS = 3

/** All that can follow on a record that is there. */
function histories(begun: History = [], isLive = true): readonly History[] {
  if (begun.length === MAX_STEPS) return [begun]
  const next: readonly Step[] = isLive ? ['change', 'delete'] : ['anew']
  return [begun, ...next.flatMap((step) => histories([...begun, step], step !== 'delete'))]
}

const store = createFakeStore()
const onR2 = manageBackend(store.direct)
let folder: StorageFolder
let alone: StorageManager
let hybrid: StorageManager
let namespaces = 0

beforeAll(async () => {
  folder = await createStorageFolder()
  alone = manageBackend(await openSqlite(folder.sqlitePath))
  const secondary = await openSqlite(folder.sqlitePath)
  hybrid = manageBackend(createHybridBackend({ primary: store.client(), secondary }))
})
afterAll(async () => {
  await Promise.all([alone.close(), hybrid.close()])
  await folder.remove()
})

async function play(storage: StorageManager, namespace: Namespace, history: History): Promise<void> {
  const { module, userId } = namespace
  for (const step of history) {
    await nextMillisecond()
    if (step === 'anew') await storage.storeData({ ...namespace, id: 'a', data: ['anew'] })
    else if (step === 'delete') await storage.deleteData(module, userId, 'a')
    else {
      const data = (current: unknown) => [...(current as string[]), 'changed']
      await storage.updateData({ ...namespace, recordId: 'a', data })
    }
  }
}

async function migrate(to: Target, { module }: Namespace): Promise<MigrationReport> {
  const sqlite = await openSqlite(folder.sqlitePath)
  try {
    return to === 'r2'
      ? await runMigration(sqlite, store.client(), { module, ...betweenHalves(sqlite, 'source') })
      : await runMigration(store.client(), sqlite, { module, ...betweenHalves(sqlite, 'target') })
  } finally {
    await sqlite.close()
  }
}

interface Played {
  readonly before: Record<Target, Data>
  readonly after: Record<Target, Data>
  readonly conflicts: number
}

async function run(inSqlite: History, inR2: History, to: Target): Promise<Played> {
  const namespace = { module: `m${++namespaces}`, userId: 'u' }
  await hybrid.storeData({ ...namespace, id: 'a', data: ['both'] })
  await play(alone, namespace, inSqlite)
  await play(onR2, namespace, inR2)
  const read = async (storage: StorageManager) =>
    (await storage.retrieveData(namespace.module, namespace.userId, 'a'))?.data as Data
  const both = async () => ({ sqlite: await read(alone), r2: await read(onR2) })
  const before = await both()
  const report = await migrate(to, namespace)
  return { before, after: await both(), conflicts: report.total.conflicts }
}

/** What must be: where only one side did something the target follows the source; where both did, nothing is replaced unlisted. */
function expectedOf(inSqlite: History, inR2: History, to: Target, before: Played['before']): Played {
  const from = to === 'r2' ? 'sqlite' : 'r2'
  const [ofSource, ofTarget] = to === 'r2' ? [inSqlite, inR2] : [inR2, inSqlite]
  const isLeft = ofSource.length === 0 || (before.sqlite === undefined && before.r2 === undefined)
  if (isLeft) return { before, after: before, conflicts: 0 }
  if (ofTarget.length === 0) return { before, after: { ...before, [to]: before[from] }, conflicts: 0 }
  return { before, after: before, conflicts: 1 }
}

/** Both have deleted what they had, and one has a new record: the other one may get it, as nothing speaks against that. */
function isOneNew(inSqlite: History, inR2: History, { sqlite, r2 }: Played['before']): boolean {
  const areDeleted = inSqlite.includes('delete') && inR2.includes('delete')
  return areDeleted && (sqlite === undefined) !== (r2 === undefined)
}

describe.each<Target>(['r2', 'sqlite'])('a migration to %s', (to) => {
  it.each(histories().map((history) => ({ name: history.join(', ') || 'nothing', history })))(
    'replaces nothing unlisted, when SQLite did: $name; and R2 whatever it did',
    async ({ history: inSqlite }) => {
      for (const inR2 of histories()) {
        const played = await run(inSqlite, inR2, to)
        const about = `R2 did: ${inR2.join(', ')}`
        if (isOneNew(inSqlite, inR2, played.before)) {
          const newOne = played.before.sqlite ?? played.before.r2
          const isKept = [played.after.sqlite, played.after.r2].includes(undefined)
          const allowed = isKept ? played.before : { sqlite: newOne, r2: newOne }
          expect(played.after, about).toEqual(allowed)
        } else expect(played, about).toEqual(expectedOf(inSqlite, inR2, to, played.before))
      }
    },
  )
})
