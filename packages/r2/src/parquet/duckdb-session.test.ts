import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDuckDb } from './duckdb-session.ts'
import type { DuckDbConnection, DuckDbSession } from './duckdb-session.ts'
import { collect } from './parquet.fixture.ts'

const SLOW = 'SELECT count(*) FROM range(100000000) a, range(1000) b WHERE a.range * b.range % 7 = 3'

describe('a DuckDB session', () => {
  let session: DuckDbSession
  let connection: DuckDbConnection
  beforeAll(async () => {
    session = await openDuckDb({ threads: 1, memoryLimit: '256MB' })
    connection = await session.connect()
  })
  afterAll(() => session.close())

  async function settingOf(name: string): Promise<unknown> {
    const [batch] = await collect(connection.stream('SELECT current_setting($1)', [name]))
    return batch?.columns[0]?.[0]
  }

  it.each([
    ['TimeZone', 'UTC'],
    ['threads', 1],
    ['memory_limit', '244.1 MiB'],
    ['autoinstall_known_extensions', false],
    ['autoload_known_extensions', false],
  ])('sets %s', async (name, expected) => {
    expect(await settingOf(name)).toBe(expected)
  })

  it('streams bound statements in batches', async () => {
    const batches = await collect(connection.stream('SELECT range AS n, $1 AS tag FROM range(5000)', ['x']))
    expect(batches.length).toBeGreaterThan(1)
    expect(batches[0]?.columnNames).toEqual(['n', 'tag'])
    const values = batches.flatMap(({ columns }) => columns[0] ?? [])
    expect(values).toEqual(Array.from({ length: 5000 }, (_, n) => n))
  })

  it('stops a running statement and stays usable', async () => {
    const running = connection.run(SLOW)
    // Again and again: an interrupt before the statement has really started is lost.
    const interrupting = setInterval(() => connection.interrupt(), 20)
    await expect(running).rejects.toThrow('INTERRUPT')
    clearInterval(interrupting)
    expect(await settingOf('threads')).toBe(1)
  })

  it('closes under a running statement, twice, and refuses later calls', async () => {
    const closing = await openDuckDb()
    const busy = await closing.connect()
    const outcomes = await Promise.allSettled([
      busy.run(SLOW),
      closing.close(),
      closing.close(),
      busy.close(),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled'])
    await expect(busy.run('SELECT 1')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(closing.connect()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})
