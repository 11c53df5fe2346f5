import { ANY_AGE, recordNotDeleted } from '@umbra/core'
import type {
  BackendHealth,
  Mutation,
  Namespace,
  ReadOptions,
  StorageBackend,
  StoredEntry,
} from '@umbra/core'
import { forgetBases } from '../migration/version-bases.ts'
import { commitBoth } from './commit-both.ts'
import { commitNumberedBoth } from './commit-numbered-both.ts'
import { copyAgain } from './copy-again.ts'
import { recordKey } from './copy-backlog.ts'
import type { CopyBacklog } from './copy-backlog.ts'
import { findInBoth, findInSecondary } from './find-in-both.ts'
import { createHybridBlobs } from './hybrid-blobs.ts'
import { createHybridImport } from './hybrid-import.ts'
import { inPrimary, sideOf } from './hybrid-parts.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { createOwedCopies } from './owed-copies.ts'
import { findCopy, findRecord } from './secondary-only.ts'

const NO_SNAPSHOTS = 'hybrid reads from two places, which have no version in common; use R2 alone'

/** Reads the copies, without asking the primary. */
export const FROM_COPIES: ReadOptions = { consistency: { kind: 'bounded', maxAgeMs: Infinity } }

/**
 * The primary, with a copy of everything in the secondary. Reads ask both and reject while the primary cannot be reached;
 * those that may be of any age ({@link FROM_COPIES}) ask the secondary alone.
 */
export function createMirroredBackend(parts: HybridParts, backlog: CopyBacklog): StorageBackend {
  const { primary, secondary } = parts
  const { numbered } = primary

  const owed = createOwedCopies(parts, backlog)

  async function current(namespace: Namespace, id: string): Promise<StoredEntry | undefined> {
    const stored = await answered(findRecord(parts, namespace, id))
    await catchUp(parts, backlog, namespace, id)
    return stored
  }

  async function commit(
    namespace: Namespace,
    mutations: readonly Mutation[],
  ): Promise<readonly StoredEntry[]> {
    return (await answered(commitBoth(parts, backlog, namespace, mutations))).map(inPrimary)
  }

  async function answered<T>(call: Promise<T>): Promise<T> {
    const result = await call
    owed.wake()
    return result
  }

  return {
    name: 'hybrid',
    capabilities: { ...primary.capabilities, snapshots: { missing: NO_SNAPSHOTS } },
    ...(primary.maintenance && { maintenance: primary.maintenance }),
    // Not the secondary's own purge: whoever holds the file may have something of the record there as well, and wipes it last.
    async purge(namespace, id) {
      await primary.purge?.(namespace, id)
      await copyAgain(parts, namespace, id)
      if ((await secondary.getEntry(namespace, id)) !== undefined) throw recordNotDeleted(id)
      await forgetBases(secondary, namespace, { id })
    },
    uploads: primary.uploads,
    blobs: createHybridBlobs(parts, backlog),
    ...(numbered && {
      numbered: {
        commitNumbered: (namespace, request) =>
          answered(commitNumberedBoth({ ...parts, numbered }, backlog, namespace, request)),
      },
    }),
    bulk: createHybridImport(commit, { backlog, owed }),
    commit,
    getEntry: (namespace, id, options) =>
      isOfAnyAge(options) ? findCopy(parts, namespace, id) : current(namespace, id),
    findEntries: (namespace, query, options) =>
      isOfAnyAge(options)
        ? findInSecondary(parts, namespace, query)
        : answered(findInBoth(parts, namespace, query)),
    openBody: (stored, range) => sideOf(parts, stored).openBody(stored, range),
    presignDownload: (stored, options) => sideOf(parts, stored).presignDownload(stored, options),
    health: () => combinedHealth(parts, backlog),
    async close() {
      await owed.close()
      try {
        await primary.close()
      } finally {
        await secondary.close()
      }
    },
  }
}

export function isOfAnyAge(options: ReadOptions | undefined): boolean {
  return options?.consistency?.kind === 'bounded' && options.consistency.maxAgeMs >= ANY_AGE
}

/** Copies what could not be copied before. A failure stays in the backlog, and does not fail the read that tried. */
async function catchUp(
  parts: HybridParts,
  backlog: CopyBacklog,
  namespace: Namespace,
  id: string,
): Promise<void> {
  const key = recordKey(namespace, id)
  if (!backlog.has(key)) return
  try {
    await copyAgain(parts, namespace, id)
    backlog.remove([key])
  } catch (error) {
    backlog.add([key], error)
  }
}

async function combinedHealth(parts: HybridParts, backlog: CopyBacklog): Promise<BackendHealth> {
  const [primary, secondary] = await Promise.all([parts.primary.health(), parts.secondary.health()])
  const problem = backlog.problem()
  return {
    healthy: primary.healthy && secondary.healthy && problem === undefined,
    message: [primary.message, secondary.message, ...(problem === undefined ? [] : [problem])].join('; '),
    latencyMs: Math.max(primary.latencyMs, secondary.latencyMs),
  }
}
