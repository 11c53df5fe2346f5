import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startLocalR2 } from './local/start-local-r2.ts'
import type { LocalR2 } from './local/start-local-r2.ts'
import { createR2StorageManager } from './r2-storage-manager.ts'
import type { R2StorageManager } from './r2-storage-manager.ts'

describe("the original's direct calls", () => {
  let server: LocalR2
  let manager: R2StorageManager
  beforeAll(async () => {
    server = await startLocalR2()
    manager = await createR2StorageManager(server.settings)
  })
  afterAll(async () => {
    await manager.close()
    await server.close()
  })

  const listKeys = async (prefix: string) => {
    const keys: string[] = []
    for await (const { key } of manager.listObjects(prefix)) keys.push(key)
    return keys
  }

  it('store JSON lines and Parquet with a manifest entry each, under the documented keys', async () => {
    const rows = [
      { id: 1, amount: 25.5 },
      { id: 2, amount: 100 },
    ]
    const jsonl = await manager.uploadJsonlData({ module: 'finance', userId: 'user123', data: rows })
    const parquet = await manager.uploadParquetData({ module: 'finance', userId: 'user123', data: rows })
    const day = jsonl.timestamp.slice(0, 10).replaceAll('-', '/')
    expect(await listKeys('finance/user123/')).toEqual([
      `finance/user123/${day}/${jsonl.id}.jsonl`,
      `finance/user123/${day}/${parquet.id}.parquet`,
    ])
    expect(await listKeys('manifests/finance/')).toEqual(['manifests/finance/user123/manifest.jsonl'])
    expect(Buffer.from((await manager.downloadData(jsonl.storageKey)) ?? []).toString()).toBe(
      '{"id":1,"amount":25.5}\n{"id":2,"amount":100}\n',
    )
    expect((await manager.storage.retrieveData('finance', 'user123', parquet.id))?.data).toEqual({
      records: rows,
    })
    expect((await manager.searchData('finance', 'user123', '25')).items.map(({ id }) => id).sort()).toEqual(
      [jsonl.id, parquet.id].sort(),
    )
  })

  it('store a blob, ask whether it changed, and delete it', async () => {
    const { etag } = await manager.uploadJsonBlob('user_settings', { theme: 'dark' })
    expect(await manager.checkEtagConflict('json_blobs/user_settings.json', etag)).toBe(false)
    expect(await manager.checkEtagConflict('json_blobs/user_settings.json', `"${etag}"`)).toBe(false)
    expect(await manager.checkEtagConflict('json_blobs/user_settings.json', `W/"${etag}"`)).toBe(false)
    await manager.uploadJsonBlob('user_settings', { theme: 'light' })
    expect(await manager.checkEtagConflict('json_blobs/user_settings.json', etag)).toBe(true)
    expect(await manager.deleteObject('json_blobs/user_settings.json')).toBe(true)
    expect(await manager.checkEtagConflict('json_blobs/user_settings.json', etag)).toBe(true)
    expect(await manager.downloadData('json_blobs/user_settings.json')).toBeNull()
  })

  it('delete a record with its entry, and only the revision that is named', async () => {
    const first = await manager.storage.storeData({ module: 'notes', userId: 'u', data: 1 })
    const second = await manager.storage.updateData({
      module: 'notes',
      userId: 'u',
      recordId: first.id,
      data: 2,
    })
    expect(await manager.deleteObject(first.storageKey)).toBe(false)
    expect(await manager.storage.retrieveData('notes', 'u', first.id)).toEqual(second)
    expect(await manager.deleteObject(second.storageKey)).toBe(true)
    expect(await manager.storage.retrieveData('notes', 'u', first.id)).toBeNull()
  })

  it('never delete a manifest, and refuse keys that are nobody’s', async () => {
    for (const key of ['manifests/finance/user123/manifest.jsonl', 'manifests.d/x/y/z', 'x', '']) {
      await expect(manager.deleteObject(key)).rejects.toMatchObject({ code: 'INVALID_INPUT' })
    }
    expect(await listKeys('manifests/finance/')).toHaveLength(1)
  })

  it('give a link that downloads exactly what was stored', async () => {
    const record = await manager.storage.storeData({ module: 'links', userId: 'u', data: { secret: 'é' } })
    const answer = await fetch(await manager.generatePresignedUrl(record.storageKey, { expiresIn: 60 }))
    expect([answer.status, await answer.json()]).toEqual([200, { secret: 'é' }])
  })
})
