import { describe, expect, it } from 'vitest'
import type { StorageManager } from '../manager/storage-manager.ts'
import type { SuiteContext } from './backend-under-test.ts'

type Call = (storage: StorageManager, module: string) => Promise<unknown>

const cyclic: Record<string, unknown> = {}
cyclic['self'] = cyclic

/** A caller without types: what JavaScript lets through. */
const untyped = (value: unknown) => value as never

const store =
  (change: Record<string, unknown>): Call =>
  (storage, module) =>
    storage.storeData(untyped({ module, userId: 'u', data: 1, ...change }))

const REFUSED: readonly (readonly [string, Call, string, string])[] = [
  ['no argument', (storage) => storage.storeData(untyped(undefined)), 'INVALID_INPUT', 'argument'],
  ['an empty module', store({ module: '' }), 'INVALID_INPUT', 'module'],
  ['a reserved module', store({ module: 'manifests' }), 'INVALID_INPUT', 'module'],
  ['a module that is not text', store({ module: 7 }), 'INVALID_INPUT', 'module'],
  ['an empty user', store({ userId: '' }), 'INVALID_INPUT', 'userId'],
  ['an enormous user', store({ userId: 'u'.repeat(100_000) }), 'INVALID_INPUT', 'userId'],
  ['a lone surrogate in a user', store({ userId: '\u{d800}' }), 'INVALID_INPUT', 'userId'],
  ['a user that is a number', store({ userId: 123 }), 'INVALID_INPUT', 'userId'],
  ['an empty id', store({ id: '' }), 'INVALID_INPUT', 'id'],
  ['an enormous id', store({ id: 'i'.repeat(201) }), 'INVALID_INPUT', 'id'],
  ['an unknown format', store({ dataFormat: 'xml' }), 'INVALID_INPUT', 'dataFormat'],
  ['an unknown option', store({ dataFromat: 'json' }), 'INVALID_INPUT', 'argument'],
  [
    'records that are not an array',
    store({ dataFormat: 'jsonl', data: { records: 'abc' } }),
    'INVALID_INPUT',
    'data.records',
  ],
  ['rows without records', store({ dataFormat: 'jsonl', data: [1] }), 'INVALID_INPUT', 'data'],
  [
    'a row JSON cannot hold',
    store({ dataFormat: 'jsonl', data: { records: [{}, { a: 1n }] } }),
    'INVALID_INPUT',
    'data.records[1].a',
  ],
  ['missing data', store({ data: undefined }), 'INVALID_INPUT', 'data'],
  ['a BigInt', store({ data: { a: 1n } }), 'INVALID_INPUT', 'data.a'],
  ['NaN', store({ data: { a: [Number.NaN] } }), 'INVALID_INPUT', 'data.a[0]'],
  ['a Date', store({ data: new Date() }), 'INVALID_INPUT', 'data'],
  ['undefined inside', store({ data: { a: undefined } }), 'INVALID_INPUT', 'data.a'],
  ['a function inside', store({ data: { a: () => 1 } }), 'INVALID_INPUT', 'data.a'],
  ['a cycle', store({ data: cyclic }), 'INVALID_INPUT', 'data.self'],
  ['metadata JSON cannot hold', store({ metadata: { a: new Map() } }), 'INVALID_INPUT', 'metadata.a'],
  ['metadata that is a list', store({ metadata: [1] }), 'INVALID_INPUT', 'metadata'],
  ['enormous metadata', store({ metadata: { a: 'x'.repeat(5_000) } }), 'TOO_LARGE', 'metadata'],
  ['binary data that is not bytes', store({ dataFormat: 'binary', data: 'text' }), 'INVALID_INPUT', 'data'],
  ['a filename on json', store({ filename: 'a.txt' }), 'INVALID_INPUT', 'filename'],
  [
    'a content type that is none',
    store({ dataFormat: 'binary', data: new Uint8Array(), contentType: 'a\r\nb' }),
    'INVALID_INPUT',
    'contentType',
  ],
  [
    'the second of many',
    (storage, module) =>
      storage.storeMany([
        { module, userId: 'u', data: 1 },
        { module, userId: 'u', data: untyped(1n) },
      ]),
    'INVALID_INPUT',
    'data',
  ],
  [
    'one id twice in a batch',
    (storage, module) => storage.storeMany([1, 2].map((data) => ({ module, userId: 'u', id: 'x', data }))),
    'INVALID_INPUT',
    'requests[1].id',
  ],
  [
    'two namespaces in a batch',
    (storage, module) => storage.storeMany(['u', 'v'].map((userId) => ({ module, userId, data: 1 }))),
    'INVALID_INPUT',
    'requests[1]',
  ],
  [
    'an array with properties of its own',
    store({ data: { a: Object.assign([1], { total: 1 }) } }),
    'INVALID_INPUT',
    'data.a',
  ],
  [
    'an array with a toJSON method',
    store({ data: Object.assign([1], { toJSON: () => 'gone' }) }),
    'INVALID_INPUT',
    'data',
  ],
  [
    'a filter that is a Map',
    (storage, module) => storage.listData(module, 'u', { metadata: untyped(new Map([['a', 1]])) }),
    'INVALID_INPUT',
    'metadata',
  ],
  [
    'a filter for undefined',
    (storage, module) => storage.listData(module, 'u', { metadata: untyped({ a: undefined }) }),
    'INVALID_INPUT',
    'metadata',
  ],
  [
    'a search for a number',
    (storage, module) => storage.searchData(module, 'u', untyped(5)),
    'INVALID_INPUT',
    'query',
  ],
  [
    'an empty record id',
    (storage, module) => storage.retrieveData(module, 'u', ''),
    'INVALID_INPUT',
    'recordId',
  ],
  [
    'a malformed etag',
    (storage, module) =>
      storage.updateData({ module, userId: 'u', recordId: 'x', data: 1, ifMatch: '"abc"' }),
    'INVALID_INPUT',
    'ifMatch',
  ],
  [
    'a malformed etag on delete',
    (storage, module) => storage.deleteData(module, 'u', 'x', { ifMatch: '0-0' }),
    'INVALID_INPUT',
    'ifMatch',
  ],
  [
    'a limit of zero',
    (storage, module) => storage.listData(module, 'u', { limit: 0 }),
    'INVALID_INPUT',
    'limit',
  ],
  [
    'a date that is none',
    (storage, module) => storage.listData(module, 'u', { from: 'yesterday' }),
    'INVALID_INPUT',
    'from',
  ],
  [
    'a range backwards',
    (storage, module) => storage.openData(module, 'u', 'x', { range: { start: 2, end: 1 } }),
    'INVALID_INPUT',
    'range',
  ],
  [
    'an expiry of zero',
    (storage, module) => storage.generatePresignedUrl(`${module}/u/2026/01/01/x.json`, { expiresIn: 0 }),
    'INVALID_INPUT',
    'expiresIn',
  ],
  [
    'an expiry past 7 days',
    (storage, module) =>
      storage.generatePresignedUrl(`${module}/u/2026/01/01/x.json`, { expiresIn: 604_801 }),
    'INVALID_INPUT',
    'expiresIn',
  ],
  [
    'an upload id that is none',
    (storage, module) => storage.finalizeUpload({ module, userId: 'u', uploadId: '../x' }),
    'INVALID_INPUT',
    'uploadId',
  ],
  ['an empty blob key', (storage) => storage.putBlob('', 1), 'INVALID_INPUT', 'argument'],
  ['a blob key with empty parts', (storage) => storage.putBlob('a//b', 1), 'INVALID_INPUT', 'argument'],
  [
    'a blob JSON cannot hold',
    (storage) => storage.putBlob('k', { a: undefined }),
    'INVALID_INPUT',
    'value.a',
  ],
  [
    'two blob conditions',
    (storage) => storage.putBlob('k', 1, { ifMatch: '0'.repeat(32), ifNoneMatch: '*' }),
    'INVALID_INPUT',
    'argument',
  ],
  [
    'a malformed blob etag',
    (storage) => storage.putBlob('k', 1, { ifMatch: 'abc' }),
    'INVALID_INPUT',
    'ifMatch',
  ],
  [
    'a blob that may be of any age',
    (storage) => storage.getBlob('k', untyped({ consistency: { maxAgeMs: 1 } })),
    'INVALID_INPUT',
    'consistency',
  ],
  ['an enormous blob', (storage) => storage.putBlob('k', 'x'.repeat(5_000_000)), 'TOO_LARGE', 'value'],
]

export function inputSuite(context: SuiteContext): void {
  describe('bad input', () => {
    it.each(REFUSED)('refuses %s, names the field and writes nothing', async (_name, call, code, field) => {
      const { storage } = context
      const module = context.newModule()
      await expect(call(storage, module)).rejects.toMatchObject({
        name: 'UmbraError',
        code,
        details: { field },
      })
      expect((await storage.listEntries(module, 'u')).items).toEqual([])
      expect(await storage.getBlob('k')).toBeNull()
    })

    it('refuses keys past 1,024 bytes whatever the script', async () => {
      const { storage } = context
      const userId = '日'.repeat(200)
      await expect(storage.storeData({ module: context.newModule(), userId, data: 1 })).rejects.toMatchObject(
        { code: 'TOO_LARGE' },
      )
    })

    it('refuses an id whose later revisions would need too long a key', async () => {
      const { storage } = context
      const module = context.newModule()
      const base = { module, userId: '日'.repeat(90), data: 1 }
      const fits = await storage.storeData({ ...base, id: 'x'.repeat(130) })
      await storage.updateData({ ...base, recordId: fits.id, data: 2 })
      await expect(storage.storeData({ ...base, id: 'x'.repeat(200) })).rejects.toMatchObject({
        code: 'TOO_LARGE',
      })
    })

    it('passes on the failure of a stream it was given, and writes nothing', async () => {
      const { storage } = context
      const module = context.newModule()
      async function* broken() {
        yield { n: 1 }
        throw new Error('the source broke')
      }
      const storing = storage.storeData({
        module,
        userId: 'u',
        data: { records: broken() },
        dataFormat: 'jsonl',
      })
      await expect(storing).rejects.toThrow('the source broke')
      expect((await storage.listEntries(module, 'u')).items).toEqual([])
    })

    it('is not affected by changes a caller makes to its objects afterwards', async () => {
      const { storage } = context
      const module = context.newModule()
      const data = { list: [1] }
      const metadata = { a: 1 }
      const storing = storage.storeData({ module, userId: 'u', data, metadata })
      data.list.push(2)
      metadata.a = 2
      const { id } = await storing
      expect(await storage.retrieveData(module, 'u', id)).toMatchObject({
        data: { list: [1] },
        metadata: { a: 1 },
      })
    })
  })
}
