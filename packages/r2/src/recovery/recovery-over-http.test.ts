import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { headKey, manageBackend, partsPrefix } from '@umbra/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openR2 } from '../create-r2-backend.ts'
import type { OpenedR2 } from '../create-r2-backend.ts'
import { startLocalR2 } from '../local/start-local-r2.ts'
import type { LocalR2 } from '../local/start-local-r2.ts'
import { MANIFEST_LIMITS } from '../manifest/manifest-limits.ts'
import { createParquetCodec } from '../parquet/parquet-codec.ts'

const NAMESPACE = { module: 'notes', userId: 'zoë' }
const HEAD = headKey(NAMESPACE)
const LIMITS = { ...MANIFEST_LIMITS, tailLines: 2, overfull: 2, fanOut: 2, maxParts: 4, graceMs: 0 }

/** Other bytes, and, as when a disk goes bad, no time of writing that tells. */
async function damage(path: string): Promise<void> {
  const { atime, mtime } = await stat(path)
  const bytes = await readFile(path)
  await writeFile(
    path,
    bytes.map((byte) => byte ^ 1),
  )
  await utimes(path, atime, mtime)
}

describe('a namespace in a bucket', () => {
  let server: LocalR2
  let cache: string
  let opened: OpenedR2
  const open = () => openR2({ ...server.settings, cache: { directory: cache } }, { limits: LIMITS })
  beforeEach(async () => {
    server = await startLocalR2()
    cache = await mkdtemp(join(tmpdir(), 'umbra-cache-test-'))
    opened = await open()
  })
  afterEach(async () => {
    await opened.backend.close()
    await server.close()
    await rm(cache, { recursive: true })
  })

  const connect = async () => {
    const { backend } = await open()
    return manageBackend(backend, { parquet: createParquetCodec() })
  }
  const upkeep = () => {
    const { maintenance } = opened.backend
    if (maintenance === undefined) throw new Error('r2 has manifests to look after')
    return maintenance
  }
  const check = () => upkeep().check(NAMESPACE, { deep: true })
  const rebuild = () => upkeep().rebuild(NAMESPACE)

  async function fill(): Promise<void> {
    const storage = await connect()
    const { module, userId } = NAMESPACE
    for (let n = 0; n < 8; n++) {
      await storage.storeData({
        module,
        userId,
        id: `n${n}`,
        data: { n, text: `note ${n}` },
        metadata: { n },
      })
    }
    await storage.storeData({
      module,
      userId,
      id: 'rows',
      data: { records: [{ a: 1 }, { a: 2 }] },
      dataFormat: 'jsonl',
    })
    const bytes = new Uint8Array([1, 2, 3])
    const binary = {
      data: bytes,
      dataFormat: 'binary',
      filename: 'a.json',
      contentType: 'image/png',
    } as const
    await storage.storeData({ module, userId, id: 'bytes', ...binary })
    await storage.deleteData(module, userId, 'n3')
    await storage.close()
  }

  async function readAll(): Promise<ReadonlyMap<string, unknown>> {
    const storage = await connect()
    const ids = ['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'rows', 'bytes']
    const found = new Map<string, unknown>()
    for (const id of ids) {
      const record = await storage.retrieveData(NAMESPACE.module, NAMESPACE.userId, id)
      if (record !== null) found.set(id, record.data)
    }
    await storage.close()
    return found
  }

  it('is rebuilt after its manifest was deleted', async () => {
    await fill()
    const before = await readAll()
    expect((await check()).problems).toEqual([])
    await opened.objects.delete(HEAD)
    expect((await check()).problems).toMatchObject([{ kind: 'head-lost' }])
    const { uncertain } = await rebuild()
    expect((await check()).problems).toEqual([])
    const after = new Map(await readAll())
    // Its deletion may have been the last thing the lost manifest said, and then it is back, and named.
    if (after.delete('n3')) expect(uncertain).toContain('n3')
    expect(after).toEqual(before)
  })

  it('is rebuilt from nothing but its bodies: data, formats, etags and what a search finds', async () => {
    await fill()
    const before = await readAll()
    const keys: string[] = [HEAD]
    for await (const { key } of opened.objects.list(partsPrefix(NAMESPACE))) keys.push(key)
    await opened.objects.deleteMany(keys)
    const { uncertain, base, fromListing } = await rebuild()
    expect({ base, fromListing }).toEqual({ base: null, fromListing: 10 })
    expect(uncertain).toContain('n3')
    expect((await check()).problems).toEqual([])
    const after = new Map(await readAll())
    after.delete('n3')
    expect(after).toEqual(before)
    const storage = await connect()
    const { module, userId } = NAMESPACE
    expect((await storage.searchData(module, userId, 'note 5')).items.map(({ id }) => id)).toEqual(['n5'])
    expect(await storage.retrieveData(module, userId, 'bytes')).toMatchObject({
      dataFormat: 'binary',
      contentType: 'image/png',
      filename: null,
    })
    expect(await storage.retrieveData(module, userId, 'rows')).toMatchObject({ recordCount: 2 })
    await storage.close()
  })

  it('that the original system wrote is checked, and is rebuilt when its manifest is cut', async () => {
    const folder = 'notes/zo%C3%AB'
    const lines: string[] = []
    for (const id of ['one', 'two']) {
      const key = `${folder}/2025/03/01/${id}.json`
      const body = Buffer.from(`{"said":"${id}"}`)
      const { etag } = await opened.objects.put(key, body)
      const original = { id, module: 'notes', user_id: 'zoë', timestamp: '2025-03-01T10:00:00', key, etag }
      lines.push(JSON.stringify({ ...original, data_type: 'json', size: body.byteLength, metadata: {} }))
    }
    await opened.objects.put(HEAD, Buffer.from(`${lines.join('\n')}\n`))
    expect(await check()).toMatchObject({ records: 2, parts: 0, problems: [] })
    await opened.objects.put(HEAD, Buffer.from(lines.join('\n').slice(0, -9)))
    expect((await check()).problems).toMatchObject([{ kind: 'head-damaged' }])
    expect(await rebuild()).toMatchObject({ records: 2, fromListing: 2 })
    expect(await check()).toMatchObject({ records: 2, problems: [] })
    const storage = await connect()
    expect(await storage.retrieveData('notes', 'zoë', 'two')).toMatchObject({ data: { said: 'two' } })
    await storage.close()
  })

  it('is checked by what the store has: a copy of a run that went bad on this machine is fetched again', async () => {
    await fill()
    await upkeep().compact(NAMESPACE)
    for (const name of await readdir(cache)) if (name.endsWith('.parquet')) await damage(join(cache, name))
    await expect(readAll()).rejects.toMatchObject({
      code: 'CORRUPT',
      message: expect.stringMatching(/run fsck/),
    })
    expect((await check()).problems).toEqual([])
    expect((await readAll()).size).toBe(9)
  })

  it('is merged from what the store has, not from copies that went bad on this machine', async () => {
    await fill()
    for (const name of await readdir(cache)) if (name.endsWith('.parquet')) await damage(join(cache, name))
    await upkeep().compact(NAMESPACE)
    await rm(cache, { recursive: true })
    expect((await readAll()).size).toBe(9)
    expect((await check()).problems).toEqual([])
  })

  it('names objects nothing refers to, with their bytes', async () => {
    await fill()
    await opened.objects.put(`notes/zo%C3%AB/2025/03/01/left.json`, Buffer.from('{}'))
    const { problems } = await check()
    expect(problems).toMatchObject([{ kind: 'orphans', message: expect.stringContaining('2 bytes') }])
  })
})
