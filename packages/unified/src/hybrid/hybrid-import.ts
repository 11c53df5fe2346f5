import { hasErrorCode, importInBatches, mutationId } from '@umbra/core'
import type { BulkImport, StorageBackend } from '@umbra/core'
import { recordKey } from './copy-backlog.ts'
import type { CopyBacklog } from './copy-backlog.ts'
import type { OwedCopies } from './owed-copies.ts'

/** Imports by commits to both, each noted beforehand: no outbox remembers them when the process dies between the two. */
export function createHybridImport(
  commit: StorageBackend['commit'],
  { backlog, owed }: { readonly backlog: CopyBacklog; readonly owed: OwedCopies },
): BulkImport {
  const noted: StorageBackend['commit'] = async (namespace, mutations) => {
    const ids = mutations.map(mutationId)
    const end = await owed.note(namespace, ids)
    try {
      const committed = await commit(namespace, mutations)
      const isBehind = ids.some((id) => backlog.has(recordKey(namespace, id)))
      // The commit stands whether or not its note can be removed: then it is found to be copied later.
      await end(isBehind ? 'owed' : 'made').catch(() => undefined)
      return committed
    } catch (error) {
      await end(hasErrorCode(error, 'OUTCOME_PENDING') ? 'owed' : 'made').catch(() => undefined)
      throw error
    }
  }
  return {
    importRecords: (namespace, records, note) =>
      importInBatches({ commit: noted }, namespace, { records, note }),
  }
}
