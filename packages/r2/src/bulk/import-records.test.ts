import { addSums, EMPTY_SUM, entryDigest, manageBackend, parseHead, UmbraError } from '@umbra/core'
import type { ManifestHead, ObjectStore, StorageManager } from '@umbra/core'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openR2 } from '../create-r2-backend.ts'
import type { OpenedR2 } from '../create-r2-backend.ts'
import { startLocalR2 } from '../local/start-local-r2.ts'
import type { LocalR2 } from '../local/start-local-r2.ts'

const LIMITS = { tailLines: 3, overfull: 2, fanOut: 2, maxParts: 4, importRows: 4 }

let server: LocalR2
let modules = 0
const opened: StorageManager[] = []

beforeAll(async () => {
  server = await startLocalR2()
})
afterAll(async () => {
  await Promise.all(opened.map((storage) => storage.close()))
  await server.close()
})

async function open(decorate?: (objects: ObjectStore) => ObjectStore, limits = LIMITS) {
  const r2 = await openR2(server.settings, { limits, ...(decorate && { decorate }) })
  const storage = manageBackend(r2.backend)
  opened.push(storage)
  return { r2, storage, module: `bulk-${++modules}` }
}

const records = (...ids: readonly string[]) => ids.map((id) => ({ id, data: id }))

async function headOf({ objects }: OpenedR2, module: string): Promise<ManifestHead> {
  const found = await objects.get(`manifests/${module}/u/manifest.jsonl`)
  if (found?.kind !== 'found') throw new Error('there is no head')
  return parseHead(await found.bytes(), { module, userId: 'u' })
}

async function idsOf(storage: StorageManager, module: string): Promise<readonly string[]> {
  return (await storage.retrieveData(module, 'u')).map(({ id }) => id).toSorted()
}

describe('a bulk import', () => {
  it('commits a chunk at a time as a run, and counts what it added', async () => {
    const { r2, storage, module } = await open(undefined, { ...LIMITS, fanOut: 8, maxParts: 64 })
    const progress: number[] = []
    await storage.storeData({ module, userId: 'u', id: 'x', data: 0 })
    const report = await storage.importData(
      module,
      'u',
      records('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'),
      {
        onProgress: ({ committed }) => progress.push(committed),
      },
    )
    expect(report).toEqual({ committed: 9 })
    expect(progress).toEqual([4, 8, 9])
    const { header, parts, tail } = await headOf(r2, module)
    expect(parts.map(({ _, rows }) => [_, rows])).toEqual([
      ['seg', 1],
      ['run', 4],
      ['run', 4],
      ['run', 1],
    ])
    expect(tail).toEqual([])
    expect(header).toMatchObject({ live: 10, seq: 4 })
    const { items } = await r2.backend.findEntries({ module, userId: 'u' }, { order: 'oldest', limit: 100 })
    expect(header.sum).toBe(items.map(({ entry }) => entryDigest(entry)).reduce(addSums, EMPTY_SUM))
  })

  it('leaves the bodies where a rebuild may be making records of them: when the head turns out to be damaged', async () => {
    const { r2, storage, module } = await open((objects) => ({
      ...objects,
      async put(key, ...about) {
        const damage = new TextEncoder().encode('{')
        if (key.includes('/r/')) await objects.put(`manifests/${module}/u/manifest.jsonl`, damage)
        return objects.put(key, ...about)
      },
    }))
    await storage.storeData({ module, userId: 'u', id: 'x', data: 0 })
    const importing = storage.importData(module, 'u', records('a', 'b'))
    await expect(importing).rejects.toMatchObject({ code: 'CORRUPT' })
    const bodies: string[] = []
    for await (const { key } of r2.objects.list(`${module}/u/`)) bodies.push(key)
    expect(bodies).toHaveLength(3)
  })

  it('says how many are stored when a later chunk is refused, and removes the bodies of that chunk', async () => {
    const { r2, storage, module } = await open()
    await storage.storeData({ module, userId: 'u', id: 'f', data: 0 })
    const importing = storage.importData(module, 'u', records('a', 'b', 'c', 'd', 'e', 'f', 'g'))
    await expect(importing).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
      details: { ids: ['f'], committed: 4 },
    })
    expect(await idsOf(storage, module)).toEqual(['a', 'b', 'c', 'd', 'f'])
    let bodies = 0
    for await (const _ of r2.objects.list(`${module}/`)) bodies++
    expect(bodies).toBe(5)
  })

  it('refuses an id of an earlier chunk', async () => {
    const { storage, module } = await open()
    const importing = storage.importData(module, 'u', records('a', 'b', 'c', 'd', 'a'))
    await expect(importing).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
      details: { ids: ['a'], committed: 4 },
    })
  })

  it('is refused when another process takes an id while it is under way', async () => {
    const other = await open()
    const { module } = other
    let stored = false
    const { storage } = await open((objects) => ({
      ...objects,
      put: async (key, body, options) => {
        if (key.includes('/r/') && !stored) {
          stored = true
          await other.storage.storeData({ module, userId: 'u', id: 'b', data: 'theirs' })
        }
        return objects.put(key, body, options)
      },
    }))
    await expect(storage.importData(module, 'u', records('a', 'b'))).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
      details: { ids: ['b'], committed: 0 },
    })
    expect(await storage.retrieveData(module, 'u', 'b')).toMatchObject({ data: 'theirs' })
    expect(await idsOf(storage, module)).toEqual(['b'])
  })

  it('is applied once when the answer to its commit is lost', async () => {
    let lost = 0
    const { r2, storage, module } = await open((objects) => ({
      ...objects,
      put: async (key, body, options) => {
        const done = await objects.put(key, body, options)
        if (!key.startsWith('manifests/') || lost++ > 0) return done
        throw new UmbraError('TIMEOUT', 'no answer')
      },
    }))
    expect(await storage.importData(module, 'u', records('a', 'b', 'c'))).toEqual({ committed: 3 })
    expect(lost).toBe(1)
    expect((await headOf(r2, module)).header).toMatchObject({ live: 3, seq: 1 })
  })

  it('keeps records of others that commit to the same namespace at the same time', async () => {
    const { storage, module } = await open()
    const other = await open()
    const ids = Array.from({ length: 20 }, (_, n) => `i${String(n).padStart(2, '0')}`)
    const stores = Array.from({ length: 10 }, (_, n) =>
      (n % 2 === 0 ? storage : other.storage).storeData({ module, userId: 'u', id: `s${n}`, data: n }),
    )
    await Promise.all([storage.importData(module, 'u', records(...ids)), ...stores])
    expect(await idsOf(other.storage, module)).toEqual([...ids, ...stores.map((_, n) => `s${n}`)])
  })

  it('leaves what a map of the records would hold, whatever is imported, stored and deleted', async () => {
    const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('import' as const),
        ids: fc.uniqueArray(id, { minLength: 1, maxLength: 4 }),
      }),
      fc.record({ kind: fc.constant('store' as const), ids: fc.tuple(id) }),
      fc.record({ kind: fc.constant('delete' as const), ids: fc.tuple(id) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const { r2, storage, module } = await open()
        const model = new Map<string, number>()
        for (const [value, { kind, ids }] of steps.entries()) {
          const taken = ids.filter((one) => model.has(one))
          if (kind === 'delete') {
            expect(await storage.deleteData(module, 'u', ids[0] ?? '')).toBe(taken.length === 1)
            model.delete(ids[0] ?? '')
            continue
          }
          const storing =
            kind === 'store'
              ? storage.storeData({ module, userId: 'u', id: ids[0] ?? '', data: value })
              : storage.importData(
                  module,
                  'u',
                  ids.map((one) => ({ id: one, data: value })),
                )
          const outcome = await storing.then(
            () => 'stored',
            (error: unknown) => (error instanceof UmbraError ? error.code : error),
          )
          expect(outcome).toBe(taken.length === 0 ? 'stored' : 'ALREADY_EXISTS')
          if (taken.length === 0) for (const one of ids) model.set(one, value)
        }
        const found = await storage.retrieveData(module, 'u')
        expect(new Map(found.map((record) => [record.id, record.data]))).toEqual(model)
        if (model.size > 0) expect((await headOf(r2, module)).header.live).toBe(model.size)
      }),
      { numRuns: 12 },
    )
  })
})
