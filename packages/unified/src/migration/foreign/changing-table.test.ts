import { writeFile } from 'node:fs/promises'
import { createMemoryBackend, manageBackend } from '@umbra/core'
import type { Namespace, StorageBackend } from '@umbra/core'
import { createParquetCodec } from '@umbra/r2/duckdb'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { changeFile } from '../../../../sqlite/src/change-file.fixture.ts'
import { createStorageFolder } from '../../storage-folder.fixture.ts'
import type { ForeignSource, Rejection } from './foreign-record.ts'
import { importForeign } from './import-foreign.ts'
import { createTableSource } from './table-source.ts'

const PLACE: Namespace = { module: 'imported', userId: 'u' }
const parquet = createParquetCodec()
afterAll(() => parquet.close())

describe('a table of another system that changes its shape', () => {
  let path: string
  let backend: StorageBackend
  let rejections: Rejection[]

  beforeEach(async () => {
    const folder = await createStorageFolder()
    path = folder.sqlitePath
    backend = createMemoryBackend()
    rejections = []
    change(`
      CREATE TABLE goods (sku TEXT PRIMARY KEY, name TEXT, price INTEGER);
      INSERT INTO goods VALUES ('a', 'Apple', 1), ('b', 'Bread', 2), ('c', 'Cake', 3);
    `)
    return () => folder.remove()
  })

  const change = (statements: string) => changeFile(path, statements)
  const goods = (table = 'goods', idColumn?: string) =>
    createTableSource({ path, table, namespace: PLACE, ...(idColumn !== undefined && { idColumn }) })
  const run = (source = goods()) =>
    importForeign(source, backend, { parquet, onRejection: (one) => rejections.push(one) })
  const counts = async (source = goods()) => {
    rejections = []
    const { rejected, migration } = await run(source)
    const { copied, alreadyThere, conflicts } = migration.total
    return { copied, alreadyThere, conflicts, rejected }
  }

  /** What was imported, by id. */
  async function imported(): Promise<Record<string, unknown>> {
    const records = await manageBackend(backend).retrieveData(PLACE.module, PLACE.userId)
    return Object.fromEntries(records.map(({ id, data }) => [id, data]))
  }

  /** Does something to the table after a run has read its first row. */
  function changedWhileRead(statements: string): ForeignSource {
    let isChanged = false
    return {
      async *records(reject) {
        for await (const record of goods().records(reject)) {
          if (!isChanged) change(statements)
          isChanged = true
          yield record
        }
      },
    }
  }

  const APPLE = { sku: 'a', name: 'Apple', price: 1 }
  const BREAD = { sku: 'b', name: 'Bread', price: 2 }
  const CAKE = { sku: 'c', name: 'Cake', price: 3 }

  describe('between two runs', () => {
    it.each([
      ['a column more', `ALTER TABLE goods ADD COLUMN stock INTEGER DEFAULT 7`, `'d', 'Dates', 4, 0`],
      ['a column less', `ALTER TABLE goods DROP COLUMN price`, `'d', 'Dates'`],
      ['a column of another name', `ALTER TABLE goods RENAME COLUMN name TO title`, `'d', 'Dates', 4`],
      ['values of another type', `UPDATE goods SET price = price || ' EUR'`, `'d', 'Dates', '4 EUR'`],
    ])(
      'with %s: lists every row it had as a conflict, and takes over the new ones',
      async (_what, sql, row) => {
        await run()
        change(`${sql}; INSERT INTO goods VALUES (${row})`)
        rejections = []
        const report = await run()
        expect(report).toMatchObject({ rejected: 0, migration: { total: { copied: 1, conflicts: 3 } } })
        expect(report.migration.findings.map(({ kind, id }) => `${kind} ${id}`)).toEqual([
          'conflict a',
          'conflict b',
          'conflict c',
        ])
        expect(await imported()).toEqual({ a: APPLE, b: BREAD, c: CAKE, d: expect.anything() })
        expect(await counts()).toEqual({ copied: 0, alreadyThere: 1, conflicts: 3, rejected: 0 })
      },
    )

    it('lists rows that JSON cannot hold any more, whole, and takes over the others', async () => {
      change("DELETE FROM goods WHERE sku <> 'a'")
      await run()
      change(`
        ALTER TABLE goods ADD COLUMN photo;
        INSERT INTO goods VALUES ('b', 'Bread', 2, x'0102'), ('c', 'Cake', 9007199254740993, NULL), ('d', 'Dates', 4, NULL);
      `)
      expect(await counts()).toEqual({ copied: 1, alreadyThere: 0, conflicts: 1, rejected: 2 })
      expect(rejections).toEqual([
        {
          origin: 'goods',
          place: 'row b',
          reason: 'photo is a blob, which JSON cannot hold',
          raw: expect.stringContaining('"name":"Bread"'),
        },
        {
          origin: 'goods',
          place: 'row c',
          reason: 'price is a number too large for JSON',
          raw: '{"sku":"c","name":"Cake","price":"9007199254740993","photo":null}',
        },
      ])
      expect(Object.keys(await imported())).toEqual(['a', 'd'])
      expect(await counts()).toEqual({ copied: 0, alreadyThere: 1, conflicts: 1, rejected: 2 })
    })

    it.each([
      ['the table is dropped', 'DROP TABLE goods', undefined, 'there is no such table'],
      ['the table has another name', 'ALTER TABLE goods RENAME TO wares', undefined, 'tables=wares'],
      [
        'the column that names the rows is gone',
        'DROP TABLE goods; CREATE TABLE goods (name TEXT)',
        'sku',
        'columns=name',
      ],
    ])('says what there is when %s, and leaves what was imported', async (_what, sql, idColumn, message) => {
      await run()
      change(sql)
      await expect(run(goods('goods', idColumn))).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: expect.stringContaining(message),
      })
      expect(await imported()).toEqual({ a: APPLE, b: BREAD, c: CAKE })
    })

    it('says that a view cannot be read whose table is dropped', async () => {
      change('CREATE VIEW cheap AS SELECT sku, name FROM goods')
      await run(goods('cheap', 'sku'))
      change('DROP TABLE goods')
      await expect(run(goods('cheap', 'sku'))).rejects.toMatchObject({ code: 'INVALID_INPUT' })
      expect(Object.keys(await imported())).toEqual(['a', 'b', 'c'])
    })

    it('takes over nothing of a view that fails at a later row', async () => {
      change(`CREATE VIEW labels AS SELECT sku, json_extract(name, '$') AS label FROM goods`)
      change(`UPDATE goods SET name = json_quote(name) WHERE sku <> 'c'`)
      await expect(run(goods('labels', 'sku'))).rejects.toMatchObject({ code: 'INVALID_INPUT' })
      expect(await imported()).toEqual({})
      change(`UPDATE goods SET name = json_quote(name) WHERE sku = 'c'`)
      expect(await counts(goods('labels', 'sku'))).toMatchObject({ copied: 3, rejected: 0 })
    })

    it('goes on where it was when the table is back', async () => {
      await run()
      change('ALTER TABLE goods RENAME TO away')
      await expect(run()).rejects.toMatchObject({ code: 'INVALID_INPUT' })
      change('ALTER TABLE away RENAME TO goods')
      expect(await counts()).toEqual({ copied: 0, alreadyThere: 3, conflicts: 0, rejected: 0 })
    })

    it('says that the file is no database any more', async () => {
      await run()
      await writeFile(path, 'a dump of the table, in text')
      await expect(run()).rejects.toMatchObject({ code: 'CORRUPT' })
      expect(Object.keys(await imported())).toEqual(['a', 'b', 'c'])
    })
  })

  describe('while it is read', () => {
    // Its readers see one moment, and its writers need not wait for them.
    beforeEach(() => change('PRAGMA journal_mode = WAL'))

    it.each([
      ['a column more', 'ALTER TABLE goods ADD COLUMN stock INTEGER DEFAULT 7'],
      ['a column less', 'ALTER TABLE goods DROP COLUMN price'],
    ])(
      'with %s: the run takes all rows as they were, the next one lists the difference',
      async (_what, sql) => {
        expect(await counts(changedWhileRead(sql))).toEqual({
          copied: 3,
          alreadyThere: 0,
          conflicts: 0,
          rejected: 0,
        })
        expect(await imported()).toEqual({ a: APPLE, b: BREAD, c: CAKE })
        expect(await counts()).toEqual({ copied: 0, alreadyThere: 0, conflicts: 3, rejected: 0 })
        expect(await imported()).toEqual({ a: APPLE, b: BREAD, c: CAKE })
      },
    )

    it('and is dropped: the run takes all rows as they were, the next one says that there is no table', async () => {
      expect(await counts(changedWhileRead('DROP TABLE goods'))).toMatchObject({ copied: 3, rejected: 0 })
      expect(await imported()).toEqual({ a: APPLE, b: BREAD, c: CAKE })
      await expect(run()).rejects.toMatchObject({ code: 'INVALID_INPUT' })
      expect(Object.keys(await imported())).toEqual(['a', 'b', 'c'])
    })

    it('has rows added and removed: none is half of one moment and half of another', async () => {
      const sql = `DELETE FROM goods WHERE sku = 'c'; INSERT INTO goods VALUES ('d', 'Dates', 4)`
      expect(await counts(changedWhileRead(sql))).toMatchObject({ copied: 3 })
      expect(await imported()).toEqual({ a: APPLE, b: BREAD, c: CAKE })
      expect(await counts()).toEqual({ copied: 1, alreadyThere: 2, conflicts: 0, rejected: 0 })
      // What another system deletes after it was imported stays: an import only adds.
      expect(Object.keys(await imported())).toEqual(['a', 'b', 'c', 'd'])
    })
  })
})
