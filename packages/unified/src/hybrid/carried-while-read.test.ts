import { createMemoryBackend, manageBackend } from '@umbra/core'
import type { StorageBackend, StorageManager } from '@umbra/core'
import { createSqliteBackend } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { copyAgain } from './copy-again.ts'
import { createHybridBackend } from './hybrid-backend.ts'
import { ensureInPrimary } from './secondary-only.ts'

const AT = { module: 'm', userId: 'u' }

let folder: StorageFolder
let secondary: StorageBackend
let alone: StorageManager
/** R2 as a process sees it that is told the record is not there while another one carries it over. */
let overtaken: StorageBackend
beforeEach(async () => {
  folder = await createStorageFolder()
  secondary = await sqlite()
  alone = manageBackend(await sqlite())
  await alone.storeData({ ...AT, id: 'a', data: 'a walrus' })
  const primary = createMemoryBackend()
  const others = { primary, secondary }
  overtaken = {
    ...primary,
    async getEntry(...about) {
      const found = await primary.getEntry(...about)
      if (found === undefined) await ensureInPrimary(others, AT, { id: 'a', at: new Date().toISOString() })
      return found
    },
  }
})
afterEach(async () => {
  await alone.close()
  await folder.remove()
})

const sqlite = () => createSqliteBackend({ path: folder.sqlitePath, durability: 'relaxed' })

it('is listed all the same', async () => {
  const hybrid = manageBackend(createHybridBackend({ primary: overtaken, secondary }))
  const { items } = await hybrid.searchData('m', 'u', 'walrus')
  expect(items.map(({ id }) => id)).toEqual(['a'])
  await hybrid.close()
})

it('keeps its copy', async () => {
  await copyAgain({ primary: overtaken, secondary }, AT, 'a')
  expect((await alone.retrieveData('m', 'u', 'a'))?.data).toBe('a walrus')
})
