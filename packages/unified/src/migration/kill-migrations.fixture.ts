import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { StorageBackend } from '@umbra/core'
import { createSeededRandom } from '@umbra/core/testing'
import { createR2Backend } from '@umbra/r2'
import type { R2Settings } from '@umbra/r2'
import { createSqliteBackend } from '@umbra/sqlite'
import { bundleApplication } from '../process-kills/bundle-application.fixture.ts'
import { auditMigration } from './audit-migration.fixture.ts'
import { assertListed } from './migration-context.ts'
import { startMigratedApplication } from './migrated-application.fixture.ts'
import type { MigratedApplication } from './migrated-application.fixture.ts'

/** Some die before their first commit, some between two, some after it and before its answer. */
const MAX_WRITES = 30
/** They come last, so not every run gets there. */
const MAX_BLOB_WRITES = 3
const MAX_DELAY_MS = 8

export interface KillMigrationsOptions {
  /** A database that is not there yet. */
  readonly path: string
  /** An empty bucket. */
  readonly settings: R2Settings
  /** Says when each is killed, and what the application does. */
  readonly seed: number
  readonly kills: number
}

export interface KilledMigrations {
  readonly kills: number
  /** What the application wrote while a migration was at work. */
  readonly written: number
  /** What the target had before the last run, and deletions that it had heard of. */
  readonly carriedOver: { readonly records: number; readonly deletions: number; readonly blobs: number }
  /** What is not as it must be in the end. */
  readonly defects: readonly string[]
}

/**
 * Migrates from a database to a bucket while an application goes on writing to it. The process that migrates is killed in
 * the middle of it so many times; then the application rests, one run goes through, and both sides are looked at.
 */
export async function killMigrations(options: KillMigrationsOptions): Promise<KilledMigrations> {
  const { path, settings, seed } = options
  const source = await createSqliteBackend({ path })
  const application = await startMigratedApplication(source, seed)
  const program = await bundleApplication(join(import.meta.dirname, 'migrate-until-killed.fixture.ts'))
  const command = [program.path, path, JSON.stringify(settings)]
  // Not the application's, which draws as many as the machine lets it.
  const random = createSeededRandom(seed)
  let kills = 0
  try {
    for (let attempt = 0; kills < options.kills && attempt < 2 * options.kills; attempt++) {
      if (await migrateUntil(killPoint(random), command, application)) kills++
    }
  } finally {
    await program.remove()
  }
  const target = await createR2Backend(settings)
  const carriedOver = await countCarriedOver(target, application)
  const defects = await auditMigration({ source, target }, application)
  await Promise.all([source.close(), target.close()])
  return { kills, written: application.written(), carriedOver, defects }
}

async function countCarriedOver(
  target: StorageBackend,
  { records }: MigratedApplication,
): Promise<KilledMigrations['carriedOver']> {
  const { inventory } = assertListed(target)
  const counts = { records: 0, deletions: 0, blobs: 0 }
  for (const { namespace, id } of records.values()) {
    if ((await target.getEntry(namespace, id)) !== undefined) counts.records++
    else if ((await inventory.findDeletions(namespace, [id])).has(id)) counts.deletions++
  }
  for await (const _blob of inventory.listBlobs()) counts.blobs++
  return counts
}

interface KillPoint {
  /** It is killed once it began so many writes of blobs, or of anything else. */
  readonly kind: 'b' | 'r'
  readonly writes: number
  readonly delayMs: number
}

function killPoint(random: () => number): KillPoint {
  const kind = random() < 0.3 ? 'b' : 'r'
  const most = kind === 'b' ? MAX_BLOB_WRITES : MAX_WRITES
  return { kind, writes: 1 + Math.floor(random() * most), delayMs: random() * MAX_DELAY_MS }
}

/** Resolves to whether the process was killed; false when it had finished before. */
async function migrateUntil(
  { kind, writes, delayMs }: KillPoint,
  command: readonly string[],
  application: MigratedApplication,
): Promise<boolean> {
  const child = spawn(process.execPath, ['--no-warnings', ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new AbortController()
  let writing: Promise<void> | undefined
  let seen = 0
  child.stdout.on('data', (begun: Buffer) => {
    writing ??= application.writeUntil(ended.signal)
    const before = seen
    seen += begun.toString().split(kind).length - 1
    if (before < writes && seen >= writes) setTimeout(() => child.kill('SIGKILL'), delayMs)
  })
  const [exitCode, signal]: unknown[] = await once(child, 'exit')
  ended.abort()
  await writing
  if (signal === 'SIGKILL') return true
  if (exitCode === 0) return false
  throw new Error(`the migration failed with ${String(exitCode)}`)
}
