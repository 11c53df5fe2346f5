import { rm } from 'node:fs/promises'
import { createMemoryBackend, manageBackend } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { createSqliteBackend } from '@umbra/sqlite'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { COUNTER_ID } from '../../../r2/src/kill-rounds/worker-event.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { auditProcessKills, namespaceDefects } from './audit-process-kills.fixture.ts'
import { AT, recordSmallHistory } from './small-history.fixture.ts'
import type { SmallHistory } from './small-history.fixture.ts'

describe('the audit of the process kills', () => {
  let history: SmallHistory
  beforeEach(async () => {
    const folder = await createStorageFolder()
    history = await recordSmallHistory(folder.path)
    return async () => {
      await history.close()
      await folder.remove()
    }
  })

  const audit = () => auditOf(history)

  it('finds nothing in a history that kept every promise', async () => {
    expect(await audit()).toEqual({ defects: [], conflicts: 3 })
  })

  it('notices each of what was lost, doubled, undeleted, counted wrong, invented, or refused and not listed', async () => {
    // Before it is sent: a creation that is pending is refused, though nobody else was to write its record.
    await history.inR2((storage) => storage.storeData({ ...AT, id: 'taken', data: { trail: ['nobody'] } }))
    await history.inApplication(async (storage) => {
      await storage.sync()
      const [first] = await storage.conflicts()
      // As if it had never been listed.
      await storage.resolveConflict(first?.id ?? '', 'discard')
    })
    // As if it had not been told that it is pending.
    history.ledger.hear({ event: 'ack', token: 'w.8', etags: [] })
    await history.inR2(tamper)
    expect(await audit()).toEqual({
      conflicts: 3,
      defects: [
        'w.8 was acknowledged as committed and is listed as refused',
        expect.stringMatching(
          /^taken has a refused write, though nobody else writes it: w.10 \(ALREADY_EXISTS/,
        ),
        'small: stranger is there, though nobody wrote it',
        'small: lost is absent, expected w.1 (etag)',
        'small: doubled is w.2 w.2 (etag), expected w.2 (etag)',
        'small: undeleted is w.3 (etag), expected absent',
        'small: taken is nobody (etag), expected w.10 (etag)',
        'small: other.0 is 2 times in contended-0',
        'small: w.7 was acknowledged, but is lost from contended-0',
        'small: w.8 was rejected, but is in contended-1',
        'small: the counter is 2 after 4 additions',
        'small: the counter has 2 additions of w, expected 3 to 3',
        'blobs: lost-blob is absent, expected b.1',
        'blobs: the counter is 3, and its additions are 2',
        'blobs: the counter has 0 additions of other, expected 1 to 1',
        'blobs: the counter has 2 additions of b, expected 0 to 0',
      ],
    })
  })

  it('notices that everything that was pending vanished with its file', async () => {
    const [path = ''] = history.paths
    await Promise.all(['', '-wal', '-shm'].map((suffix) => rm(`${path}${suffix}`, { force: true })))
    expect(await audit()).toEqual({
      conflicts: 0,
      defects: [
        'small: pending is absent, expected w.9 (etag)',
        'small: taken is absent, expected w.10 (etag)',
        'small: w.7 was acknowledged, but is lost from contended-0',
        'small: w.8 was acknowledged, but is lost from contended-1',
        'small: the counter has 2 additions of w, expected 3 to 3',
        'blobs: the counter has 0 additions of b, expected 1 to 1',
      ],
    })
  })
})

it('in hybrid mode the audit notices a copy in SQLite that was lost, changed, or not deleted', async () => {
  const folder = await createStorageFolder()
  const history = await recordSmallHistory(folder.path, 'hybrid')
  onTestFinished(async () => {
    await history.close()
    await folder.remove()
  })
  // A blob that another host has changed is copied when it is next read.
  await history.inApplication(async (storage) => {
    await storage.sync()
    await storage.getBlob(COUNTER_ID)
  })
  expect(await auditOf(history)).toEqual({ defects: [], conflicts: 3 })
  const sqlite = manageBackend(await createSqliteBackend({ path: history.paths[0] ?? '' }))
  await sqlite.deleteData(AT.module, AT.userId, 'lost')
  await sqlite.updateData({ ...AT, recordId: 'kept', data: { trail: ['w.0', 'w.0'] } })
  await sqlite.deleteBlob('lost-blob')
  await sqlite.close()
  await history.inR2((storage) => storage.deleteData(AT.module, AT.userId, 'doubled'))
  expect(await auditOf(history)).toEqual({
    conflicts: 3,
    defects: [
      'small: kept is etag in R2 and etag in SQLite (different)',
      'small: lost is etag in R2 and absent in SQLite (deletedInTarget)',
      'small: doubled is absent in R2 and etag in SQLite (deletedInSource)',
      expect.stringMatching(/^blobs: json_blobs\/lost-blob.json is [0-9a-f]{32} in R2 and absent in SQLite/),
      // All that shows of it through the hybrid.
      'small: doubled is absent, expected w.2 (etag)',
    ],
  })
})

it('a record that is listed twice is noticed', async () => {
  const memory = createMemoryBackend()
  await manageBackend(memory).storeData({ ...AT, id: 'a', data: 1 })
  const doubling = manageBackend({
    ...memory,
    async findEntries(...about) {
      const page = await memory.findEntries(...about)
      return { ...page, items: page.items.flatMap((item) => [item, item]) }
    },
  })
  expect(await namespaceDefects(doubling, AT, [])).toContain('small: a is listed twice')
})

async function auditOf(history: SmallHistory) {
  const { defects, conflicts } = await auditProcessKills(history)
  // Etags follow from the rest.
  return { defects: defects.map((text) => text.replaceAll(/\d-[0-9a-f]{32}/g, 'etag')), conflicts }
}

/** Does behind the audit's back what a broken engine would. */
async function tamper(storage: StorageManager): Promise<void> {
  const put = (recordId: string, data: unknown) => storage.updateData({ ...AT, recordId, data })
  await storage.deleteData(AT.module, AT.userId, 'lost')
  await put('doubled', { trail: ['w.2', 'w.2'] })
  await storage.storeData({ ...AT, id: 'undeleted', data: { trail: ['w.3'] } })
  await put('contended-0', { trail: ['start', 'other.0', 'other.0'] })
  await put('contended-1', { trail: ['start', 'other.1', 'w.8'] })
  await put(COUNTER_ID, { total: 2, by: { w: 2 } })
  await storage.storeData({ ...AT, id: 'stranger', data: { trail: ['nobody'] } })
  await storage.deleteBlob('lost-blob')
  await storage.putBlob(COUNTER_ID, { total: 3, by: { b: 2 } })
}
