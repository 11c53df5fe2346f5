import { writeFile } from 'node:fs/promises'
import BetterSqlite3 from 'better-sqlite3'
import { beforeEach, describe, expect, it } from 'vitest'
import { readTable } from './read-table.ts'
import type { ReadTableOptions } from './read-table.ts'
import { newDatabasePath } from './temporary-folder.fixture.ts'

describe('readTable', () => {
  let path = ''
  beforeEach(async () => {
    path = await newDatabasePath()
    const database = new BetterSqlite3(path)
    database.exec(`
      CREATE TABLE orders (region TEXT, number INTEGER, total REAL, note, PRIMARY KEY (region, number)) WITHOUT ROWID;
      INSERT INTO orders VALUES ('eu', 1, 9.5, NULL), ('us', 9007199254740993, 1, x'0102');
      CREATE TABLE "odd ""name" (a);
      INSERT INTO "odd ""name" VALUES ('x'), ('y');
      CREATE VIEW totals AS SELECT region, total FROM orders;
      CREATE TABLE texts (rowid TEXT, umbra_row_id TEXT, doubled AS (rowid || rowid));
      INSERT INTO texts VALUES (CAST(x'e9' AS TEXT), 'é'), (x'f09f98', NULL), (CAST(x'f09f98' AS TEXT), char(65533));
    `)
    database.close()
  })

  const read = async (table: string, options: ReadTableOptions = {}) => {
    const rows = []
    for await (const row of readTable(path, table, options)) rows.push(row)
    return rows
  }

  it('reads every row exactly, with its primary key', async () => {
    expect(await read('orders')).toEqual([
      { key: 'eu~1', values: { region: 'eu', number: 1n, total: 9.5, note: null }, undecodable: [] },
      {
        key: 'us~9007199254740993',
        values: { region: 'us', number: 9007199254740993n, total: 1, note: Buffer.from([1, 2]) },
        undecodable: [],
      },
    ])
  })

  it('uses the row id when there is no primary key, and any name as it is', async () => {
    expect(await read('odd "name')).toEqual([
      { key: '1', values: { a: 'x' }, undecodable: [] },
      { key: '2', values: { a: 'y' }, undecodable: [] },
    ])
  })

  it('uses the column it is told, also of a view', async () => {
    expect((await read('totals', { idColumn: 'region' })).map(({ key }) => key)).toEqual(['eu', 'us'])
  })

  it('reads columns that are named like the row id or are generated, and says which text is not UTF-8', async () => {
    const rows = await read('texts')
    expect(rows.map(({ key, undecodable }) => [key, undecodable])).toEqual([
      ['1', ['rowid', 'doubled']],
      // Bytes put together are text to SQLite.
      ['2', ['doubled']],
      ['3', ['rowid', 'doubled']],
    ])
    expect(rows.map(({ values }) => values['umbra_row_id'])).toEqual(['é', null, '\u{fffd}'])
    expect(rows[1]?.values['rowid']).toEqual(Buffer.from('f09f98', 'hex'))
  })

  it('asks which column identifies the rows of a view', async () => {
    await expect(read('totals')).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('columns=region,total'),
    })
  })

  it.each([
    ['a table that is not there', 'orderz', {}, 'tables=orders,odd "name,totals,texts'],
    ['a column that is not there', 'orders', { idColumn: 'id' }, 'columns=region,number,total,note'],
  ])('names what there is instead of %s', async (_name, table, options, message) => {
    await expect(read(table, options)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining(message),
    })
  })

  it('refuses a file that is not there or no database', async () => {
    path = `${path}-none`
    await expect(read('orders')).rejects.toMatchObject({ code: 'INVALID_INPUT' })
    await writeFile(path, 'this is no database, whatever its name says')
    await expect(read('orders')).rejects.toMatchObject({ code: 'CORRUPT' })
  })
})
