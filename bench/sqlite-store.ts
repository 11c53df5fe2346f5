import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { manageBackend } from '@umbra/core'
import { createSqliteBackend } from '@umbra/sqlite'
import { alternate, inFlight, seconds } from './alternate.ts'
import { toResult } from './bench-result.ts'
import type { Bench } from './bench-result.ts'
import { sampleRecord } from './sample-records.ts'

const RECORDS = 4_000
const WIDTH = 64

/** B9: records into SQLite, over the same row and index entry by hand. */
export const sqliteStore: Bench = {
  ids: ['B9'],
  async run(report) {
    const folder = await mkdtemp(join(tmpdir(), 'umbra-bench-'))
    const storage = manageBackend(await createSqliteBackend({ path: join(folder, 'ours.sqlite') }))
    const bare = openBare(join(folder, 'bare.sqlite'))
    let round = 0
    const perSecond = async (width: number, store: (n: number) => Promise<unknown>) => {
      round++
      return RECORDS / (await seconds(() => inFlight(RECORDS, width, (n) => store(round * RECORDS + n))))
    }
    const store = (n: number) => storage.storeData({ module: 'm', userId: 'u', data: sampleRecord(n) })
    const insert = async (n: number) => bare.insert(n)
    const figures = await alternate(
      3,
      {
        oursOneByOne: () => perSecond(1, store),
        bareOneByOne: () => perSecond(1, insert),
        oursInFlight: () => perSecond(WIDTH, store),
      },
      report,
    )
    await storage.close()
    bare.close()
    await rm(folder, { recursive: true })
    const baseline = {
      name: 'better-sqlite3, prepared inserts of row, body and FTS5 entry, one FULL transaction each',
      value: figures.bareOneByOne,
      unit: 'records/s',
      note: 'serialises, hashes and tokenizes nothing beyond JSON.stringify and one SHA-256',
    }
    const shared = { unit: 'ratio', budget: { atLeast: 0.7 }, baseline, peers: [] }
    return [
      toResult({
        ...shared,
        id: 'B9',
        name: `SQLite storeData, ${WIDTH} in flight, over bare better-sqlite3`,
        value: figures.oursInFlight / figures.bareOneByOne,
        ours: { name: 'storeData, transactions shared', value: figures.oursInFlight, unit: 'records/s' },
      }),
      toResult({
        ...shared,
        id: 'B9',
        name: 'SQLite storeData, one at a time, over bare better-sqlite3',
        value: figures.oursOneByOne / figures.bareOneByOne,
        ours: { name: 'storeData, one transaction each', value: figures.oursOneByOne, unit: 'records/s' },
      }),
    ]
  },
}

function openBare(path: string) {
  const database = new Database(path)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.exec(`
    CREATE TABLE records (pk INTEGER PRIMARY KEY, id TEXT UNIQUE, at TEXT, sha256 TEXT, size INTEGER, text TEXT);
    CREATE TABLE bodies (pk INTEGER PRIMARY KEY, bytes BLOB);
    CREATE VIRTUAL TABLE search USING fts5(text, content = '', contentless_delete = 1, tokenize = 'ascii');
  `)
  const record = database.prepare('INSERT INTO records (id, at, sha256, size, text) VALUES (?, ?, ?, ?, ?)')
  const body = database.prepare('INSERT INTO bodies (pk, bytes) VALUES (?, ?)')
  const index = database.prepare('INSERT INTO search (rowid, text) VALUES (?, ?)')
  const insert = database.transaction((n: number) => {
    const text = JSON.stringify(sampleRecord(n))
    const bytes = Buffer.from(text)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const { lastInsertRowid } = record.run(
      `record-${n}`,
      new Date().toISOString(),
      sha256,
      bytes.byteLength,
      text,
    )
    body.run(lastInsertRowid, bytes)
    index.run(lastInsertRowid, text)
  })
  return { insert: (n: number) => insert.immediate(n), close: () => database.close() }
}
