import { manageBackend } from '@umbra/core'
import type { StorageBackend, StorageManager } from '@umbra/core'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSqliteBackend } from './sqlite-backend.ts'
import { newDatabasePath } from './temporary-folder.fixture.ts'
import { tracesInFile } from './traces-in-file.fixture.ts'

/** Begins like no other word, so that the search index does not cut its beginning off. */
const MARK = 'zqxmarked'
const at = { module: 'm', userId: 'u' }

let path: string
let backend: StorageBackend
let storage: StorageManager

beforeEach(async () => {
  path = await newDatabasePath()
  backend = await createSqliteBackend({ path, busyTimeoutMs: 50 })
  storage = manageBackend(backend)
})
afterEach(() => storage.close())

const store = (id: string, data: unknown) => storage.storeData({ ...at, id, data })
const update = (recordId: string, data: unknown) => storage.updateData({ ...at, recordId, data })
const deleteHard = (id: string) => storage.deleteData('m', 'u', id, { hard: true })

/** Another process that reads, and has not finished. */
function reader() {
  const connection = new BetterSqlite3(path, { readonly: true })
  connection.exec('begin')
  connection.prepare('select count(*) from records').get()
  return connection
}

describe('a hard deletion', () => {
  it('leaves nothing of any revision in the bytes of the database, its log or the search index', async () => {
    await store('kept', 'walnut')
    await store('a', `${MARK}one`)
    await update('a', `${MARK}two ${'longer '.repeat(2_000)}`)
    await storage.updateData({ ...at, recordId: 'a', data: 'three', metadata: { note: `${MARK}noted` } })
    await update('a', `${MARK}four ${'x'.repeat(3 * 1024 * 1024)}`)
    expect(await tracesInFile(path, MARK)).not.toEqual([])
    expect(await deleteHard('a')).toBe(true)
    expect(await tracesInFile(path, MARK)).toEqual([])
    const { items } = await storage.searchData('m', 'u', 'walnut')
    expect(items).toMatchObject([{ id: 'kept' }])
    await storage.close()
    expect(await tracesInFile(path, MARK)).toEqual([])
  })

  it('takes along what was deleted before, and the copies that rearranged pages have of it', async () => {
    // Sizes without a pattern, so that rows move within their pages and between them.
    let seed = 7
    const size = () => (seed = (seed * 48_271) % 2_147_483_647) % 1_500
    const ids = Array.from({ length: 300 }, (_, n) => `id${n}`)
    const text = () => `${MARK} `.repeat(1 + size() / 10)
    await Promise.all(ids.map((id) => store(id, text())))
    for (let round = 0; round < 3; round++)
      await Promise.all(ids.filter(() => size() < 900).map((id) => update(id, text())))
    await Promise.all(ids.slice(1).map((id) => storage.deleteData('m', 'u', id)))
    expect(await tracesInFile(path, MARK)).not.toEqual([])
    expect(await deleteHard('id0')).toBe(true)
    expect(await tracesInFile(path, MARK)).toEqual([])
  })

  it('that other processes keep from emptying the log says so, and is complete when it is repeated', async () => {
    await store('a', MARK)
    const other = reader()
    await expect(deleteHard('a')).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true })
    expect(await storage.retrieveData('m', 'u', 'a')).toBeNull()
    expect(await tracesInFile(path, MARK)).not.toEqual([])
    other.close()
    expect(await deleteHard('a')).toBe(false)
    expect(await tracesInFile(path, MARK)).toEqual([])
  })

  it('waits for the write of another process', async () => {
    await store('a', MARK)
    await storage.deleteData('m', 'u', 'a')
    const other = new BetterSqlite3(path)
    other.exec('begin immediate')
    const deleting = deleteHard('a')
    setTimeout(() => other.close(), 20)
    expect(await deleting).toBe(false)
    expect(await tracesInFile(path, MARK)).toEqual([])
  })

  it('of what was never stored has nothing to wait for', async () => {
    const other = reader()
    expect(await deleteHard('never')).toBe(false)
    other.close()
  })

  it('does not call a record deleted that is there again', async () => {
    await store('a', 'new')
    await expect(backend.purge?.(at, 'a')).rejects.toMatchObject({ code: 'CONFLICT', details: { id: 'a' } })
  })

  it('goes on beside writes and other hard deletions', async () => {
    const ids = Array.from({ length: 20 }, (_, n) => `id${n}`)
    await Promise.all(ids.map((id) => store(id, MARK)))
    const later = ids.map((id) => store(`new-${id}`, 'walnut'))
    expect(await Promise.all(ids.map(deleteHard))).toEqual(ids.map(() => true))
    await Promise.all(later)
    expect(await tracesInFile(path, MARK)).toEqual([])
    expect(await storage.retrieveData('m', 'u')).toHaveLength(20)
  })
})
