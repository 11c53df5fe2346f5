import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createR2Backend } from '@umbra/r2'
import type { R2Settings } from '@umbra/r2'
import { createSqliteBackend } from '@umbra/sqlite'
import type { Namespace, StorageBackend } from '@umbra/core'
import { isDeepStrictEqual } from 'node:util'
import { bundleApplication } from '../process-kills/bundle-application.fixture.ts'
import { contentsOf, put, remove } from './migration.fixture.ts'
import { runMigration } from './run-migration.ts'
import { verifyMigration } from './verify-migration.ts'

const NAMESPACES = 30
const RECORDS = 12
const BLOBS = 20

export interface KilledMigrations {
  readonly kills: number
  /** What differs in the end between what was migrated and what it was migrated to. */
  readonly differences: readonly string[]
}

/**
 * Migrates from a new database at `path` to an empty bucket. The process that does is killed in the middle of it so many
 * times, while the database goes on changing; then one run goes through, and both sides are compared.
 */
export async function killMigrations(
  path: string,
  settings: R2Settings,
  wanted: number,
): Promise<KilledMigrations> {
  const source = await createSqliteBackend({ path })
  const namespaces = await fill(source)
  const program = await bundleApplication(join(import.meta.dirname, 'migrate-until-killed.fixture.ts'))
  const command = [program.path, path, JSON.stringify(settings)]
  let kills = 0
  try {
    for (let attempt = 0; kills < wanted && attempt < wanted + 5; attempt++) {
      // 1 to 30 writes: some die before their first commit, some between two, some after it and before its answer.
      if (await migrateUntil(1 + ((attempt * 7) % 30), command)) kills++
      // The application goes on meanwhile: something new, something changed, something deleted.
      const namespace = { module: 'm0', userId: 'u0' }
      await put(source, { id: `new-${attempt}`, value: attempt }, { namespace })
      await put(source, { id: 'r0', value: attempt }, { namespace, rev: 10 + attempt })
      if (attempt % 2 === 1) await remove(source, `new-${attempt - 1}`, namespace)
    }
  } finally {
    await program.remove()
  }
  const target = await createR2Backend(settings)
  const differences = await compare(source, target, namespaces)
  await Promise.all([source.close(), target.close()])
  return { kills, differences }
}

async function fill(source: StorageBackend): Promise<readonly Namespace[]> {
  const namespaces = Array.from({ length: NAMESPACES }, (_, n) => ({ module: `m${n % 3}`, userId: `u${n}` }))
  for (const namespace of namespaces) {
    for (let n = 0; n < RECORDS; n++)
      await put(source, { id: `r${n}`, value: n }, { namespace, rev: 1 + (n % 3) })
  }
  for (let n = 0; n < BLOBS; n++)
    await source.blobs.put(`json_blobs/b${n}.json`, new TextEncoder().encode(String(n)), undefined)
  return namespaces
}

/** Resolves to whether the process was killed, after it began its `writes`th write; false when it had finished before. */
async function migrateUntil(writes: number, command: readonly string[]): Promise<boolean> {
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'ignore'] })
  let seen = 0
  child.stdout.on('data', (dots: Buffer) => {
    seen += dots.length
    if (seen >= writes) child.kill('SIGKILL')
  })
  const [exitCode, signal]: unknown[] = await once(child, 'exit')
  if (signal === 'SIGKILL') return true
  if (exitCode === 0) return false
  throw new Error(`the migration failed with ${String(exitCode)}`)
}

async function compare(
  source: StorageBackend,
  target: StorageBackend,
  namespaces: readonly Namespace[],
): Promise<readonly string[]> {
  const { settled, findings, total } = await runMigration(source, target)
  const { equal } = await verifyMigration(source, target)
  const differences = [
    ...(settled ? [] : ['the last run did not settle']),
    ...findings.map((finding) => JSON.stringify(finding)),
    ...(total.onlyInTarget === 0 ? [] : [`${total.onlyInTarget} are only in the target`]),
    ...(total.newerInTarget === 0 ? [] : [`${total.newerInTarget} are newer in the target`]),
    ...(equal ? [] : ['the sides are not equal']),
  ]
  for (const namespace of namespaces) {
    const [from, to] = [await contentsOf(source, namespace), await contentsOf(target, namespace)]
    if (!isDeepStrictEqual(from, to)) differences.push(`${namespace.userId} differs`)
  }
  return differences
}
