import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Environment } from '@umbra/core'
import { startLocalR2 } from '@umbra/r2/local'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { toEnvironment } from './local-environment.fixture.ts'
import { createStorageFolder } from './storage-folder.fixture.ts'
import type { StorageFolder } from './storage-folder.fixture.ts'

const program = fileURLToPath(new URL('list-loaded.fixture.ts', import.meta.url))

let folder: StorageFolder
beforeAll(async () => {
  folder = await createStorageFolder()
})
afterAll(() => folder.remove())

/** The heavy libraries that a process of its own loads for storing one record. */
async function loadedBy(env: Environment, format: 'json' | 'parquet'): Promise<unknown> {
  const flags = ['--conditions=@umbra/source', '--import', 'tsx']
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, program, format], {
    env: { PATH: process.env['PATH'], ...env },
  })
  return JSON.parse(stdout)
}

it('loads neither the AWS SDK nor DuckDB on sqlite, and DuckDB with the first Parquet record', async () => {
  const env = { STORAGE_BACKEND: 'sqlite', SQLITE_PATH: folder.sqlitePath }
  // In this order: whoever reads the namespace after the Parquet record is in it needs DuckDB too.
  expect(await loadedBy(env, 'json')).toEqual(['better-sqlite3'])
  expect(await loadedBy(env, 'parquet')).toEqual(['@duckdb', 'better-sqlite3'])
})

it('loads SQLite for the outbox but not DuckDB on r2', async () => {
  const server = await startLocalR2()
  try {
    const env = { ...toEnvironment(server), STORAGE_BACKEND: 'r2', SQLITE_PATH: folder.sqlitePath }
    expect(await loadedBy(env, 'json')).toEqual(['@aws-sdk', '@smithy', 'better-sqlite3'])
  } finally {
    await server.close()
  }
})
