import { createMemoryBackend, manageBackend } from '@umbra/core'
import type { ObjectInfo } from '@umbra/core'
import { createParquetCodec } from '@umbra/r2/duckdb'
import { afterAll, expect, it } from 'vitest'
import type { Rejection } from './foreign-record.ts'
import { importForeign } from './import-foreign.ts'
import { createOriginalBucketSource } from './original-bucket-source.ts'

const parquet = createParquetCodec()
afterAll(() => parquet.close())

it('neither drops nor changes anything that lies elsewhere, is named by a manifest alone, or was replaced', async () => {
  const describe = (user: string, id: string, key: string) =>
    JSON.stringify({
      id,
      module: 'm',
      user_id: user,
      timestamp: '2024-01-15T10:00:00',
      data_type: 'json',
      key,
      size: 1,
    })
  const stored = new Map([
    ['backup.zip', 'x'],
    ['m/u/', ''],
    ['json_blobs/', ''],
    ['m/u/2024/01/14/twice.json', '1'],
    ['m/u/2024/01/15/twice.json', '2'],
    ['m/u/2024/01/16/large.json', '9007199254740993'],
    ['m/u/named.json', '3'],
    ['m/u/loose.json', '4'],
    ['m/auth0|é/2024/01/15/odd name.json', '5'],
    [
      'manifests/m/u/manifest.jsonl',
      [
        describe('u', 'twice', 'm/u/2024/01/15/twice.json'),
        describe('u', 'named', 'm/u/named.json'),
        describe('u', 'lost', 'm/u/2024/01/15/lost.json'),
      ].join('\n'),
    ],
    ['manifests/m/gone/manifest.jsonl', describe('gone', 'g', 'm/gone/2024/01/15/g.json')],
  ])
  const another = {
    async *listObjects(prefix: string): AsyncGenerator<ObjectInfo> {
      for (const [key, text] of [...stored].sort(([a], [b]) => (a < b ? -1 : 1)))
        if (key.startsWith(prefix)) yield { key, etag: 'e', size: text.length, lastModified: new Date(0) }
    },
    downloadData: async (key: string) => {
      const text = stored.get(key)
      return text === undefined ? null : new TextEncoder().encode(text)
    },
  }
  const backend = createMemoryBackend()
  const rejections: Rejection[] = []
  const report = await importForeign(createOriginalBucketSource(another, parquet), backend, {
    parquet,
    onRejection: (rejection) => rejections.push(rejection),
  })
  expect(report).toMatchObject({ rejected: 6, migration: { total: { copied: 3 } } })
  const storage = manageBackend(backend)
  expect(await storage.retrieveData('m', 'u', 'twice')).toMatchObject({ data: 2 })
  expect(await storage.retrieveData('m', 'u', 'named')).toMatchObject({ data: 3 })
  expect(await storage.retrieveData('m', 'auth0|é', 'odd name')).toMatchObject({ data: 5 })
  expect(rejections.map(({ origin, reason }) => `${origin} ${reason}`)).toEqual([
    'backup.zip is in no folder of a module and a user',
    'm/u/2024/01/14/twice.json is an older version: the manifest names another object. key=m/u/2024/01/15/twice.json',
    'm/u/loose.json is in no date folder, and no manifest names it',
    'm/u/2024/01/15/lost.json is named by the manifest and is not there. id=lost',
    'm/gone/2024/01/15/g.json is named by the manifest and is not there. id=g',
    'm/u/2024/01/16/large.json has a whole number that JavaScript would round',
  ])
})
