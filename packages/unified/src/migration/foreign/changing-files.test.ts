import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createMemoryBackend, manageBackend } from '@umbra/core'
import type { Namespace, StorageBackend } from '@umbra/core'
import { createParquetCodec } from '@umbra/r2/duckdb'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { createStorageFolder } from '../../storage-folder.fixture.ts'
import { createFolderSource } from './folder-source.ts'
import type { ForeignSource, Rejection } from './foreign-record.ts'
import { importForeign } from './import-foreign.ts'

const PLACE: Namespace = { module: 'imported', userId: 'u' }
const parquet = createParquetCodec()
afterAll(() => parquet.close())

describe('files that change their shape', () => {
  let files: string
  let backend: StorageBackend
  let rejections: Rejection[]

  beforeEach(async () => {
    const folder = await createStorageFolder()
    files = join(folder.path, 'in')
    await mkdir(files)
    backend = createMemoryBackend()
    rejections = []
    return () => folder.remove()
  })

  const write = (name: string, content: string) => writeFile(join(files, name), content)
  const whole = () => createFolderSource(files, { namespace: PLACE, parquet })
  const rows = () => createFolderSource(files, { namespace: PLACE, unit: 'row', idField: 'id', parquet })

  async function run(source: ForeignSource) {
    rejections = []
    const onRejection = (one: Rejection) => void rejections.push(one)
    const { unchanged, rejected, migration } = await importForeign(source, backend, { parquet, onRejection })
    const { copied, alreadyThere, conflicts } = migration.total
    return { copied, unchanged, alreadyThere, conflicts, rejected }
  }

  /** What was imported, by id. */
  async function imported(): Promise<Record<string, unknown>> {
    const records = await manageBackend(backend, { parquet }).retrieveData(PLACE.module, PLACE.userId)
    return Object.fromEntries(records.map(({ id, data }) => [id, data]))
  }

  /** Does something after a file was found and hashed, and before it is read. */
  function changedWhileRead(source: ForeignSource, change: () => Promise<void>): ForeignSource {
    return {
      async *records(reject) {
        for await (const record of source.records(reject)) {
          await change()
          yield record
        }
      },
    }
  }

  describe('from one line to the next', () => {
    const LINES: readonly unknown[] = [
      { id: 1, name: 'Apple', price: 1 },
      { id: 2, name: 'Bread' },
      { id: 3, name: 'Cake', price: '3 EUR', tags: ['sweet'] },
      { id: 4, name: { de: 'Datteln' }, price: null, extra: { deep: [1, { er: true }] } },
      ['no', 'object'],
      'text',
      null,
    ]
    const TEXT = LINES.map((line) => `${JSON.stringify(line)}\n`).join('')

    it('are one record with every line as it is, and each that is none is listed', async () => {
      await write('goods.jsonl', `${TEXT}{"id":8,\n{"id":9}\n`)
      const first = { copied: 1, unchanged: 0, alreadyThere: 0, conflicts: 0, rejected: 1 }
      expect(await run(whole())).toEqual(first)
      expect(rejections).toEqual([
        { origin: 'goods.jsonl', place: 'line 8', reason: 'is not JSON', raw: '{"id":8,' },
      ])
      expect(await imported()).toEqual({ 'goods.jsonl': { records: [...LINES, { id: 9 }] } })
      expect(await run(whole())).toEqual({ ...first, copied: 0, unchanged: 1 })
    })

    it('are a record for each line that has an id, and each that has none is listed with what it is', async () => {
      const others = ['{"id":"5","late":true}', '{"id":{"no":1}}', '{"id":true}', '{"ID":6}', '{"id":"1"}']
      await write('goods.jsonl', `${TEXT}${others.join('\n')}\n`)
      const first = { copied: 5, unchanged: 0, alreadyThere: 0, conflicts: 0, rejected: 7 }
      expect(await run(rows())).toEqual(first)
      expect(await imported()).toEqual({
        1: LINES[0],
        2: LINES[1],
        3: LINES[2],
        4: LINES[3],
        5: { id: '5', late: true },
      })
      const withoutId = [5, 6, 7, 9, 10, 11]
      expect(rejections.filter(({ reason }) => reason === 'has no id to be its id')).toEqual(
        withoutId.map((line) => ({
          origin: 'goods.jsonl',
          place: `row ${line}`,
          reason: expect.any(String),
          raw: [...LINES.map((one) => JSON.stringify(one)), ...others][line - 1],
        })),
      )
      // A number and a text that look alike are one id.
      expect(rejections.at(-1)).toMatchObject({ reason: 'the id occurs twice. id=1', raw: '{"id":"1"}' })
      expect(await run(rows())).toEqual({ ...first, copied: 0, alreadyThere: 5 })
    })
  })

  describe('between two runs', () => {
    const OLD = '{"id":"a","name":"Apple"}\n{"id":"b","name":"Bread"}\n'
    const NEW = '{"id":"a","name":"Apple"}\n{"id":"b","name":["Bread"],"price":2}\n{"id":"c","price":"3"}\n'

    it('lists the rows that are other ones now as conflicts, and takes over those that are new', async () => {
      await write('goods.jsonl', OLD)
      await run(rows())
      await write('goods.jsonl', NEW)
      expect(await run(rows())).toMatchObject({ copied: 1, alreadyThere: 1, conflicts: 1, rejected: 0 })
      const left = {
        a: { id: 'a', name: 'Apple' },
        b: { id: 'b', name: 'Bread' },
        c: { id: 'c', price: '3' },
      }
      expect(await imported()).toEqual(left)
      expect(await run(rows())).toMatchObject({ copied: 0, alreadyThere: 2, conflicts: 1, rejected: 0 })
      expect(await imported()).toEqual(left)
    })

    it('lists rows that lost the field with their id, and leaves what was imported', async () => {
      await write('goods.jsonl', OLD)
      await run(rows())
      await write('goods.jsonl', OLD.replaceAll('"id"', '"sku"'))
      expect(await run(rows())).toMatchObject({ copied: 0, alreadyThere: 0, conflicts: 0, rejected: 2 })
      expect(rejections.map(({ place, raw }) => [place, raw])).toEqual([
        ['row 1', '{"sku":"a","name":"Apple"}'],
        ['row 2', '{"sku":"b","name":"Bread"}'],
      ])
      expect(Object.keys(await imported())).toEqual(['a', 'b'])
    })
  })

  describe('while they are read', () => {
    it.each([
      ['goods.jsonl', '{"n":1}\n', '{"n":1}\n{"n":"2","more":true}\n'],
      ['goods.csv', 'n\n1\n', 'n,more\n1,2\n'],
      ['goods.json', '{"n":1}', '{"n":"1"}'],
    ])('are listed, and taken over by the next run: %s', async (name, old, changed) => {
      await write(name, old)
      const changing = changedWhileRead(whole(), () => write(name, changed))
      expect(await run(changing)).toMatchObject({ copied: 0, rejected: 1 })
      const reason = 'was changed while it was read; import it again'
      expect(rejections).toEqual([{ origin: name, place: undefined, reason }])
      expect(await imported()).toEqual({})
      expect(await run(whole())).toMatchObject({ copied: 1, rejected: 0 })
      expect(await run(whole())).toMatchObject({ copied: 0, unchanged: 1, conflicts: 0, rejected: 0 })
    })

    it('are never taken for the ones that were imported when they are changed back', async () => {
      await write('goods.jsonl', '{"n":1}\n')
      await run(changedWhileRead(whole(), () => write('goods.jsonl', '{"n":2}\n')))
      await write('goods.jsonl', '{"n":1}\n')
      await run(whole())
      expect(await imported()).toEqual({ 'goods.jsonl': { records: [{ n: 1 }] } })
    })
  })
})
