import type { PutMutation } from '../backend/mutation.ts'
import type { StorageBackend } from '../backend/storage-backend.ts'
import { recordsExist } from '../errors/record-errors.ts'
import { hasErrorCode } from '../errors/umbra-error.ts'
import type { Namespace } from '../records/namespace.ts'

/** Records of one commit. */
const BATCH_RECORDS = 1_000

/** Bytes of bodies after which a commit is made with fewer records: they are in memory. */
const BATCH_BYTES = 16 * 1024 ** 2

/** Imports by the same commits `storeMany` makes: for backends that have no faster way. */
export async function importInBatches(
  backend: Pick<StorageBackend, 'commit'>,
  namespace: Namespace,
  {
    records,
    note,
  }: { readonly records: AsyncIterable<PutMutation>; readonly note: (committed: number) => void },
): Promise<void> {
  let committed = 0
  const commit = async (batch: readonly PutMutation[]) => {
    if (batch.length === 0) return
    await commitAll(backend, namespace, batch)
    committed += batch.length
    note(committed)
  }
  let batch: PutMutation[] = []
  let bytes = 0
  try {
    for await (const record of records) {
      batch.push(record)
      bytes += record.body.size
      if (batch.length < BATCH_RECORDS && bytes < BATCH_BYTES) continue
      const full = batch
      batch = []
      bytes = 0
      await commit(full)
    }
    const rest = batch
    batch = []
    await commit(rest)
  } finally {
    await disposeAll(batch)
  }
}

async function commitAll(
  backend: Pick<StorageBackend, 'commit'>,
  namespace: Namespace,
  batch: readonly PutMutation[],
): Promise<void> {
  try {
    assertDistinct(batch)
    await backend.commit(namespace, batch)
  } catch (error) {
    if (!hasErrorCode(error, 'ALREADY_EXISTS') || typeof error.details['id'] !== 'string') throw error
    throw recordsExist([error.details['id']])
  } finally {
    await disposeAll(batch)
  }
}

function assertDistinct(batch: readonly PutMutation[]): void {
  const seen = new Set<string>()
  const twice = batch.map(({ draft }) => draft.id).filter((id) => seen.size === seen.add(id).size)
  if (twice.length > 0) throw recordsExist(twice)
}

/** The outcome stands whether or not a temporary file can be removed. */
async function disposeAll(records: readonly PutMutation[]): Promise<void> {
  await Promise.allSettled(records.map(({ body }) => body.dispose()))
}
