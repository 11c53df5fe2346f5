import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import { createSqliteBackend } from '@umbra/sqlite'
import { expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { contentsOf, put, remove } from './migration.fixture.ts'
import { runMigration } from './run-migration.ts'
import { verifyMigration } from './verify-migration.ts'

const FIXTURE = fileURLToPath(new URL('./migrate-until-killed.fixture.ts', import.meta.url))
const KILLS = 25
const NAMESPACES = 30
const RECORDS = 12

/** Resolves to whether the process was killed, after it began its `writes`th write; false when it had finished before. */
async function migrateUntil(writes: number, words: readonly string[]): Promise<boolean> {
  const process_ = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions=@umbra/source', FIXTURE, ...words],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  )
  let seen = 0
  process_.stdout.on('data', (dots: Buffer) => {
    seen += dots.length
    if (seen >= writes) process_.kill('SIGKILL')
  })
  const [exitCode, signal]: unknown[] = await once(process_, 'exit')
  if (signal !== 'SIGKILL') expect(exitCode).toBe(0)
  return signal === 'SIGKILL'
}

it('a migration that is killed at any moment and run again ends with equal sides', async () => {
  const folder = await createStorageFolder()
  const server = await startLocalR2()
  const source = await createSqliteBackend({ path: folder.sqlitePath })
  const namespaces = Array.from({ length: NAMESPACES }, (_, n) => ({ module: `m${n % 3}`, userId: `u${n}` }))
  for (const namespace of namespaces) {
    for (let n = 0; n < RECORDS; n++)
      await put(source, { id: `r${n}`, value: n }, { namespace, rev: 1 + (n % 3) })
  }
  for (let n = 0; n < 20; n++)
    await source.blobs.put(`json_blobs/b${n}.json`, new TextEncoder().encode(String(n)), undefined)

  const words = [folder.sqlitePath, JSON.stringify(server.settings)]
  let kills = 0
  for (let attempt = 0; kills < KILLS && attempt < KILLS + 5; attempt++) {
    // 1 to 30 writes: some die before their first commit, some between two, some after it and before its answer.
    if (await migrateUntil(1 + ((attempt * 7) % 30), words)) kills++
    // The application goes on meanwhile: something new, something changed, something deleted.
    const namespace = { module: 'm0', userId: 'u0' }
    await put(source, { id: `new-${attempt}`, value: attempt }, { namespace })
    await put(source, { id: 'r0', value: attempt }, { namespace, rev: 10 + attempt })
    if (attempt % 2 === 1) await remove(source, `new-${attempt - 1}`, namespace)
  }
  expect(kills).toBeGreaterThanOrEqual(KILLS)

  const target = await createR2Backend(server.settings)
  const report = await runMigration(source, target)
  expect(report).toMatchObject({ settled: true, findings: [], total: { onlyInTarget: 0, newerInTarget: 0 } })
  expect(await verifyMigration(source, target)).toMatchObject({ equal: true })
  for (const namespace of namespaces)
    expect(await contentsOf(target, namespace)).toEqual(await contentsOf(source, namespace))
  await Promise.all([source.close(), target.close()])
  await server.close()
  await folder.remove()
}, 240_000)
