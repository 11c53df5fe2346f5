import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { manageBackend } from '@umbra/core'
import BetterSqlite3 from 'better-sqlite3'
import { expect, it } from 'vitest'
import { createSqliteBackend } from './sqlite-backend.ts'
import { newDatabasePath } from './temporary-folder.fixture.ts'

const FIXTURE = fileURLToPath(new URL('shared-file.fixture.ts', import.meta.url))

function start(...args: readonly string[]): ChildProcess & { readonly exited: Promise<unknown> } {
  const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=@umbra/source', FIXTURE, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return Object.assign(child, { exited: once(child, 'exit') })
}

async function acknowledged(child: ChildProcess, limit = Infinity): Promise<string[]> {
  const ids: string[] = []
  if (child.stdout === null) return ids
  for await (const line of createInterface({ input: child.stdout })) {
    ids.push(line)
    if (ids.length === limit) child.kill('SIGKILL')
  }
  return ids
}

async function withStorage<T>(
  path: string,
  use: (storage: ReturnType<typeof manageBackend>) => Promise<T>,
): Promise<T> {
  const storage = manageBackend(await createSqliteBackend({ path }))
  try {
    return await use(storage)
  } finally {
    await storage.close()
  }
}

const createCounter = (path: string) =>
  withStorage(path, (storage) =>
    storage.storeData({ module: 'shared', userId: 'counter', id: 'counter', data: { n: 0 } }),
  )

const idsAndCount = (path: string) =>
  withStorage(path, async (storage) => {
    const records = await storage.retrieveData('shared', 'u')
    const counter = await storage.retrieveData('shared', 'counter', 'counter')
    return { ids: records.map(({ id }) => id), count: (counter?.data as { n: number } | undefined)?.n }
  })

function integrityOf(path: string): unknown {
  const connection = new BetterSqlite3(path)
  connection.exec("insert into search (search) values ('integrity-check')")
  const result = connection.pragma('integrity_check', { simple: true })
  connection.close()
  return result
}

it('lets two processes write through 16 writers and loses no record and no increment', async () => {
  const path = await newDatabasePath()
  await createCounter(path)
  const children = [start(path, 'a', '200'), start(path, 'b', '200')]
  const printed = await Promise.all(children.map((child) => acknowledged(child)))
  expect(await Promise.all(children.map(({ exited }) => exited))).toEqual([
    [0, null],
    [0, null],
  ])
  const { ids, count } = await idsAndCount(path)
  expect(ids).toHaveLength(400)
  expect(new Set(ids)).toEqual(new Set(printed.flat()))
  expect(count).toBe(400)
  expect(integrityOf(path)).toBe('ok')
})

it('lets several processes open a fresh file at the same moment', async () => {
  const path = await newDatabasePath()
  const children = Array.from({ length: 3 }, (_, n) => start(path, `${n}`, '0'))
  expect(await Promise.all(children.map(({ exited }) => exited))).toEqual(children.map(() => [0, null]))
  expect(integrityOf(path)).toBe('ok')
})

it('keeps every acknowledged record of a process that was killed while it wrote', async () => {
  const path = await newDatabasePath()
  await createCounter(path)
  const child = start(path, 'a', 'forever')
  const printed = await acknowledged(child, 150)
  expect(await child.exited).toEqual([null, 'SIGKILL'])
  expect(printed.length).toBeGreaterThanOrEqual(150)
  const { ids, count } = await idsAndCount(path)
  expect(new Set(ids)).toEqual(new Set([...ids, ...printed]))
  expect(count).toBeGreaterThanOrEqual(printed.length)
  expect(count).toBeLessThanOrEqual(ids.length)
  expect(integrityOf(path)).toBe('ok')
})
