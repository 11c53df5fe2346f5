import { createMemoryBackend, manageBackend, UmbraError } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { createSqliteBackend } from '@umbra/sqlite'
import { nextMillisecond } from '../next-millisecond.fixture.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createHybridBackend } from './hybrid-backend.ts'

export const AT = { module: 'm', userId: 'u' }

export const openSqlite = (path: string) => createSqliteBackend({ path, durability: 'relaxed' })

export const away = async (): Promise<never> => {
  throw new UmbraError('UNAVAILABLE', 'R2 does not answer')
}

/** R2 that goes away when it is told to. */
export function losable(primary: StorageBackend): {
  readonly backend: StorageBackend
  readonly lose: () => void
  readonly find: () => void
} {
  let isLost = false
  return {
    lose: () => void (isLost = true),
    find: () => void (isLost = false),
    backend: {
      ...primary,
      getEntry: (...about) => (isLost ? away() : primary.getEntry(...about)),
      findEntries: (...about) => (isLost ? away() : primary.findEntries(...about)),
      commit: (...about) => (isLost ? away() : primary.commit(...about)),
    },
  }
}

/** The same backend, which does something before or after each of its commits. */
export function aroundCommits(
  backend: StorageBackend,
  {
    before,
    after,
  }: {
    readonly before?: (...about: Parameters<StorageBackend['commit']>) => unknown
    readonly after?: () => unknown
  },
): StorageBackend {
  return {
    ...plainBackend(backend),
    async commit(...about) {
      await before?.(...about)
      const committed = await backend.commit(...about)
      await after?.()
      return committed
    },
  }
}

/** A moment that one side reaches and waits at until the other lets it go on. */
export interface Gate {
  readonly reached: Promise<void>
  readonly pass: () => Promise<void>
  readonly open: () => void
}

export function createGate(): Gate {
  let arrive = () => {}
  let open = () => {}
  const reached = new Promise<void>((resolve) => (arrive = resolve))
  const opened = new Promise<void>((resolve) => (open = resolve))
  const pass = () => {
    arrive()
    return opened
  }
  return { reached, pass, open: () => open() }
}

/** What a process reads of record `a` that has lost R2. */
export async function readWhileAway(path: string): Promise<unknown> {
  const primary: StorageBackend = { ...createMemoryBackend(), getEntry: away, findEntries: away }
  const storage = manageBackend(createHybridBackend({ primary, secondary: await openSqlite(path) }))
  const record = await storage.retrieveData('m', 'u', 'a')
  await storage.close()
  return record?.data
}

/** SQLite knows of a deletion of `a` that R2 does not know of: its next copy gets a higher revision than R2's. */
export async function deleteOnSqliteAlone(path: string): Promise<void> {
  const alone = manageBackend(await openSqlite(path))
  await alone.storeData({ ...AT, id: 'a', data: 1 })
  await alone.deleteData('m', 'u', 'a')
  await alone.close()
  await nextMillisecond()
}
