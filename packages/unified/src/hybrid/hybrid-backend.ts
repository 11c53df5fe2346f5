import { recordEtag, UmbraError } from '@umbra/core'
import type { BackendHealth, ByteRange, Namespace, StorageBackend, StoredEntry } from '@umbra/core'
import { commitBoth } from './commit-both.ts'
import { copyAgain } from './copy-committed.ts'
import { createCopyBacklog, recordKey } from './copy-backlog.ts'
import type { CopyBacklog } from './copy-backlog.ts'
import { findInBoth, findInSecondary } from './find-in-both.ts'
import { createHybridBlobs } from './hybrid-blobs.ts'
import { inPrimary, readEither } from './hybrid-parts.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { findCopy, findRecord } from './secondary-only.ts'

const NO_SNAPSHOTS = 'hybrid reads from two places, which have no version in common; use R2 alone'

/**
 * Writes go to both, the primary first: it alone decides. Reads prefer the primary, fall back to the secondary while
 * the primary cannot be reached, and include what is only in the secondary. See docs/decisions/003.
 */
export function createHybridBackend(parts: HybridParts): StorageBackend {
  const { primary, secondary } = parts
  const backlog = createCopyBacklog()

  async function current(namespace: Namespace, id: string): Promise<StoredEntry | undefined> {
    const stored = await findRecord(parts, namespace, id)
    await catchUp(parts, backlog, namespace, id)
    return stored
  }

  return {
    name: 'hybrid',
    capabilities: { ...primary.capabilities, snapshots: { missing: NO_SNAPSHOTS } },
    ...(primary.maintenance && { maintenance: primary.maintenance }),
    uploads: primary.uploads,
    blobs: createHybridBlobs(parts, backlog),
    commit: async (namespace, mutations) =>
      (await commitBoth(parts, backlog, namespace, mutations)).map(inPrimary),
    getEntry: (namespace, id) =>
      readEither(
        () => current(namespace, id),
        () => findCopy(parts, namespace, id),
      ),
    findEntries: (namespace, query) =>
      readEither(
        () => findInBoth(parts, namespace, query),
        () => findInSecondary(parts, namespace, query),
      ),
    openBody: (stored, range) => openBody(parts, stored, range),
    presignDownload: (stored, options) =>
      (stored.storedIn === 'r2' ? primary : secondary).presignDownload(stored, options),
    health: () => combinedHealth(parts, backlog),
    async close() {
      try {
        await primary.close()
      } finally {
        await secondary.close()
      }
    },
  }
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

async function openBody(
  { primary, secondary }: HybridParts,
  stored: StoredEntry,
  range: ByteRange | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  if (stored.storedIn === 'sqlite') return secondary.openBody(stored, range)
  const { entry } = stored
  const namespace = { module: entry.module, userId: entry.user_id }
  return readEither(
    () => primary.openBody(stored, range),
    async () => {
      const copy = await secondary.getEntry(namespace, entry.id)
      if (copy !== undefined && recordEtag(copy.entry) === recordEtag(entry))
        return secondary.openBody(copy, range)
      throw new UmbraError(
        'UNAVAILABLE',
        `r2 does not answer and sqlite has another version. id=${entry.id}`,
        {
          details: { id: entry.id },
        },
      )
    },
  )
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
