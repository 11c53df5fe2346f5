import { isDeepStrictEqual } from 'node:util'
import { BLOBS_PREFIX, blobKey, recordEtag } from '@umbra/core'
import type { Namespace, StorageBackend } from '@umbra/core'
import { contentsOf } from './migration.fixture.ts'
import type { MigratedApplication } from './migrated-application.fixture.ts'
import { assertListed } from './migration-context.ts'
import type { MigrationReport } from './migration-report.ts'
import type { HybridOptions } from './migration-options.ts'
import { runMigration } from './run-migration.ts'
import { verifyMigration } from './verify-migration.ts'

interface Sides {
  readonly source: StorageBackend
  readonly target: StorageBackend
}

export interface AuditOptions {
  /** The application wrote to both sides, in hybrid mode; then blobs too are the same on both. */
  readonly notes?: HybridOptions
}

/**
 * Migrates what is left, with nobody writing any more, and says what is not as it must be: both sides hold what the
 * application was told last, with bodies, and nothing else; and of blobs, of which a copy is never replaced, every one that
 * is another now is listed.
 */
export async function auditMigration(
  sides: Sides,
  application: Pick<MigratedApplication, 'records' | 'blobs' | 'violations'>,
  { notes }: AuditOptions = {},
): Promise<readonly string[]> {
  const report = await runMigration(sides.source, sides.target, notes)
  const { namespaces } = await verifyMigration(sides.source, sides.target)
  return [
    ...application.violations,
    ...(report.settled ? [] : ['the last run did not settle']),
    ...namespaces.flatMap((one) => (one.equal ? [] : [`${one.userId} has another sum in the target`])),
    ...(await recordDefects(sides, namespaces, application)),
    ...(await (notes === undefined
      ? blobDefects(sides, report, application)
      : hybridBlobDefects(sides, application))),
    ...countDefects(report),
  ]
}

async function recordDefects(
  { source, target }: Sides,
  namespaces: readonly Namespace[],
  { records }: Pick<MigratedApplication, 'records'>,
): Promise<readonly string[]> {
  const defects: string[] = []
  for (const { module, userId } of namespaces) {
    const namespace = { module, userId }
    const [from, to] = [await contentsOf(source, namespace), await contentsOf(target, namespace)]
    if (!isDeepStrictEqual(from, to)) defects.push(`${userId} differs`)
    const told = [...records.values()].filter((one) => one.namespace.userId === userId)
    const found = new Map(to.map((entry) => [entry.id, recordEtag(entry)]))
    for (const { id, etag } of told) {
      if (found.get(id) !== etag)
        defects.push(
          `${userId}/${id} is ${found.get(id) ?? 'absent'}, the application was told ${etag ?? 'absent'}`,
        )
    }
    const known = new Set(told.map(({ id }) => id))
    defects.push(...to.flatMap(({ id }) => (known.has(id) ? [] : [`${userId}/${id} is nobody's`])))
    // Downloads every body.
    for (const { maintenance } of [source, target]) {
      const { problems } = (await maintenance?.check(namespace, { deep: true })) ?? { problems: [] }
      defects.push(...problems.map(({ kind, subject }) => `${userId}: ${kind}: ${subject}`))
    }
  }
  return defects
}

async function blobDefects(
  { source, target }: Sides,
  { findings, blobs: { onlyInTarget } }: MigrationReport,
  { blobs }: Pick<MigratedApplication, 'blobs'>,
): Promise<readonly string[]> {
  const [from, to] = [await blobsOf(source), await blobsOf(target)]
  const listed = new Set(findings.map(({ id }) => id))
  const defects: string[] = []
  let left = 0
  for (const { key, etag, isChanged } of blobs.values()) {
    const path = blobKey(key)
    if (from.get(path) !== etag) defects.push(`${path} is not in the source what the application was told`)
    const copy = to.get(path)
    if (etag === undefined && copy !== undefined) left++
    const isOld = etag !== undefined && copy !== etag
    if (isOld && (copy === undefined || !isChanged))
      defects.push(`${path} is missing, or was never what the target has`)
    if (isOld !== listed.has(path))
      defects.push(`${path} is ${isOld ? 'another one and not' : 'the same and'} listed`)
  }
  const known = new Set([...blobs.keys()].map(blobKey))
  defects.push(...[...to.keys()].flatMap((path) => (known.has(path) ? [] : [`${path} is nobody's`])))
  if (left !== onlyInTarget) defects.push(`${left} blobs are only in the target, ${onlyInTarget} are counted`)
  return defects
}

async function hybridBlobDefects(
  { source, target }: Sides,
  { blobs }: Pick<MigratedApplication, 'blobs'>,
): Promise<readonly string[]> {
  const told = new Map<string, string>()
  for (const { key, etag } of blobs.values()) if (etag !== undefined) told.set(blobKey(key), etag)
  const defects: string[] = []
  for (const [side, found] of [
    ['source', await blobsOf(source)],
    ['target', await blobsOf(target)],
  ] as const) {
    for (const path of new Set([...told.keys(), ...found.keys()])) {
      const [expected, there] = [told.get(path) ?? 'absent', found.get(path) ?? 'absent']
      if (expected !== there)
        defects.push(`${path} is ${there} in the ${side}, the application was told ${expected}`)
    }
  }
  return defects
}

async function blobsOf(backend: StorageBackend): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for await (const { path, etag } of assertListed(backend).inventory.listBlobs()) found.set(path, etag)
  return found
}

/** Of records there is nothing to be told: nobody wrote to the target. */
function countDefects({ namespaces, findings }: MigrationReport): readonly string[] {
  const ofRecords = findings.filter(({ id }) => !id.startsWith(BLOBS_PREFIX))
  return [
    ...ofRecords.map((finding) => JSON.stringify(finding)),
    ...namespaces.flatMap(({ userId, onlyInTarget, newerInTarget, deletedInTarget }) =>
      onlyInTarget + newerInTarget + deletedInTarget === 0
        ? []
        : [`${userId}: the target has something of its own`],
    ),
  ]
}
