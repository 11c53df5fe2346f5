import { committedEntry, hasErrorCode } from '@umbra/core'
import type { AppendedRun, ManifestEntry, PutMutation } from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import type { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import type { CheckedAppend } from '../manifest/pending-operation.ts'
import { uploadRevision } from '../manifest/upload-revision.ts'
import { EntrySpool } from './entry-spool.ts'
import { mapAhead } from './map-ahead.ts'
import { planUploads } from './plan-uploads.ts'
import type { PlannedUpload } from './plan-uploads.ts'
import { storeRun } from './store-run.ts'

/** Uploads of one import in flight. */
const WIDTH = 64

/** Milliseconds a version of the head is used to look ids up in: the commit checks whatever came after. */
const LOOKUP_AGE_MS = 60_000

/** Keys of one request to delete. */
const DELETE_KEYS = 1_000

export interface ChunkRequest {
  readonly manifest: NamespaceManifest
  /** The records, in batches small enough to be looked up and held at once. */
  readonly batches: AsyncIterable<readonly PutMutation[]>
  readonly context: ManifestContext
}

/** Stores records and their entries in one commit, or none of them. Resolves to how many. */
export async function importChunk(request: ChunkRequest): Promise<number> {
  const { manifest, context } = request
  const spool = new EntrySpool(await context.cache.temporaryPath('jsonl'))
  try {
    const append = await storeRecords(request, spool)
    if (append !== undefined) await manifest.append(append)
    return spool.rows
  } catch (error) {
    // A rebuild of a damaged manifest may be making records of them just now (docs/decisions/027).
    if (!hasErrorCode(error, 'OUTCOME_PENDING', 'CORRUPT')) await discardBodies(spool, context)
    throw error
  } finally {
    await spool.dispose()
  }
}

async function storeRecords(
  { manifest, batches, context }: ChunkRequest,
  spool: EntrySpool,
): Promise<CheckedAppend | undefined> {
  const now = context.clock.now()
  const uploadedAt = new Date(now).toISOString()
  const header = (await manifest.snapshot())?.version.head.header
  const revisions = new Map<string, number>()
  const planned = planUploads(batches, revisions, async (ids) => {
    const read = manifest.read((snapshot) => snapshot.lookup(ids), LOOKUP_AGE_MS)
    return (await read) ?? new Map<string, ManifestEntry>()
  })
  const upload = toEntry(context.ids.next(now), context)
  for await (const entry of mapAhead(planned, WIDTH, upload)) await spool.add(entry)
  await spool.finish()
  if (spool.rows === 0) return undefined
  const part: AppendedRun['part'] = await storeRun(manifest.namespace, spool, context)
  return { part, revisions, uploadedAt, checkedAt: header }
}

function toEntry(
  nonce: string,
  context: ManifestContext,
): (planned: PlannedUpload) => Promise<ManifestEntry> {
  return async ({ mutation, rev }) => {
    try {
      const upload = await context.uploadLimit(() => uploadRevision({ mutation, rev, nonce }, context))
      return committedEntry(mutation.draft, rev, upload)
    } finally {
      await mutation.body.dispose()
    }
  }
}

/** Nothing refers to them and nothing will. Best effort: what stays is an orphan for the collector. */
async function discardBodies(spool: EntrySpool, { objects }: ManifestContext): Promise<void> {
  const remove = async (keys: readonly string[]) => {
    if (keys.length > 0) await objects.deleteMany(keys)
  }
  try {
    await spool.finish()
    let keys: string[] = []
    for await (const { key } of spool.entries()) {
      keys.push(key)
      if (keys.length < DELETE_KEYS) continue
      await remove(keys)
      keys = []
    }
    await remove(keys)
  } catch {
    // The reason why the import failed is the one to report.
  }
}
