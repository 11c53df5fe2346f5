import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { StorageBackend } from '@umbra/core'
import { createSeededRandom } from '@umbra/core/testing'
import { createR2Backend } from '@umbra/r2'
import type { R2Settings } from '@umbra/r2'
import { createSqliteBackend } from '@umbra/sqlite'
import { createHybridBackend } from '../hybrid/hybrid-backend.ts'
import { bundleApplication } from '../process-kills/bundle-application.fixture.ts'
import { auditMigration } from './audit-migration.fixture.ts'
import { assertListed } from './migration-context.ts'
import { startMigratedApplication } from './migrated-application.fixture.ts'
import type { MigratedApplication } from './migrated-application.fixture.ts'
import { betweenHalves } from '../hybrid/migration-notes.ts'

/** Some die before their first commit, some between two, some after it and before its answer. */
const MAX_WRITES = { r2: 30, sqlite: 10 } as const
/** They come last, so not every run gets there. */
const MAX_BLOB_WRITES = 3
const MAX_DELAY_MS = 8
/** Enough that a run which is killed does not come to the end of them. */
const MAX_KILLED_NAMESPACES = 4

export interface MigrationToKill {
  /** A database that is not there yet. */
  readonly path: string
  /** An empty bucket. */
  readonly settings: R2Settings
  readonly from: 'sqlite' | 'r2'
  /** What the application writes to meanwhile: the source alone, or in hybrid mode both sides. */
  readonly application: 'source' | 'hybrid'
}

export interface KillMigrationsOptions extends MigrationToKill {
  /** Says when each is killed, and what the application does. */
  readonly seed: number
  readonly kills: number
}

export interface KilledMigrations {
  readonly kills: number
  /** What the application wrote while the migrations were started and at work. */
  readonly written: number
  /** What the target had before the last run, and deletions that it had heard of. */
  readonly carriedOver: { readonly records: number; readonly deletions: number; readonly blobs: number }
  /** What is not as it must be in the end. */
  readonly defects: readonly string[]
}

/**
 * Migrates from one store to the other while an application goes on writing. The process that migrates is killed in
 * the middle of it so many times; then the application rests, one run goes through, and both sides are looked at.
 */
export async function killMigrations(options: KillMigrationsOptions): Promise<KilledMigrations> {
  const { path, settings, from, seed } = options
  const sqlite = await createSqliteBackend({ path })
  const r2 = await createR2Backend(settings)
  const [source, target] = from === 'sqlite' ? [sqlite, r2] : [r2, sqlite]
  const isHybrid = options.application === 'hybrid'
  const application = await startMigratedApplication(source, seed, {
    ...(isHybrid && {
      writesTo: createHybridBackend({ primary: r2, secondary: sqlite }),
      // What it writes reaches both sides by itself, so this is all there is to copy.
      more: { namespaces: MAX_KILLED_NAMESPACES * options.kills, blobs: MAX_BLOB_WRITES * options.kills },
    }),
  })
  const program = await bundleApplication(join(import.meta.dirname, 'migrate-until-killed.fixture.ts'))
  const migration: MigrationToKill = { path, settings, from, application: options.application }
  const command = [program.path, JSON.stringify(migration)]
  // Not the application's, which draws as many as the machine lets it.
  const random = createSeededRandom(seed)
  const most = MAX_WRITES[from === 'sqlite' ? 'r2' : 'sqlite']
  const points = Array.from({ length: 2 * options.kills }, () => killPoint(random, most))
  // Blobs come last: whoever is killed there has copied all records.
  if (isHybrid) points.splice(0, options.kills, ...recordsFirst(points.slice(0, options.kills)))
  let kills = 0
  try {
    for (const point of points) {
      if (kills < options.kills && (await migrateUntil(point, command, application))) kills++
    }
  } finally {
    await program.remove()
  }
  const carriedOver = await countCarriedOver(target, application)
  const defects = await auditMigration({ source, target }, application, {
    ...(isHybrid && {
      notes: betweenHalves(from === 'sqlite' ? source : target, from === 'sqlite' ? 'source' : 'target'),
    }),
  })
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

function killPoint(random: () => number, mostWrites: number): KillPoint {
  const kind = random() < 0.3 ? 'b' : 'r'
  const most = kind === 'b' ? MAX_BLOB_WRITES : mostWrites
  return { kind, writes: 1 + Math.floor(random() * most), delayMs: random() * MAX_DELAY_MS }
}

function recordsFirst(points: readonly KillPoint[]): readonly KillPoint[] {
  return [...points.filter(({ kind }) => kind === 'r'), ...points.filter(({ kind }) => kind === 'b')]
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
  // Before it begins, too: it is to meet what was changed since the one before was killed.
  const writing = application.writeUntil(ended.signal)
  let seen = 0
  child.stdout.on('data', (begun: Buffer) => {
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
