import type { PutMutation } from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import type { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import { importChunk } from './import-chunk.ts'

/** Records that are looked up at once. */
const BATCH_RECORDS = 512

/** Bytes of bodies after which a batch ends: they are in memory. */
const BATCH_BYTES = 8 * 1024 ** 2

export interface ImportRequest {
  readonly manifest: NamespaceManifest
  readonly records: AsyncIterable<PutMutation>
  readonly context: ManifestContext
}

/** Stores records in commits of as many as a run takes at once: see `BulkImport`. */
export async function importRecords(
  { manifest, records, context }: ImportRequest,
  onCommitted: (committed: number) => void,
): Promise<void> {
  const iterator = records[Symbol.asyncIterator]()
  const source = { ended: false, next: () => iterator.next() }
  let committed = 0
  try {
    while (!source.ended) {
      const batches = takeBatches(source, context.limits.importRows)
      const stored = await importChunk({ manifest, batches, context })
      if (stored === 0) return
      committed += stored
      onCommitted(committed)
    }
  } finally {
    await iterator.return?.()
  }
}

interface Source {
  ended: boolean
  readonly next: () => Promise<IteratorResult<PutMutation>>
}

/** At most so many records; the source stays open for the ones after them. */
async function* takeBatches(
  source: Source,
  rows: number,
): AsyncGenerator<readonly PutMutation[], void, undefined> {
  for (let taken = 0; taken < rows && !source.ended;) {
    const batch = await takeBatch(source, Math.min(BATCH_RECORDS, rows - taken))
    taken += batch.length
    if (batch.length > 0) yield batch
  }
}

async function takeBatch(source: Source, rows: number): Promise<readonly PutMutation[]> {
  const batch: PutMutation[] = []
  let bytes = 0
  try {
    while (batch.length < rows && bytes < BATCH_BYTES) {
      const next = await source.next()
      if (next.done === true) {
        source.ended = true
        break
      }
      batch.push(next.value)
      bytes += next.value.body.size
    }
    return batch
  } catch (error) {
    await Promise.allSettled(batch.map(({ body }) => body.dispose()))
    throw error
  }
}
