import type { Namespace } from '../records/namespace.ts'
import type { PutMutation } from './mutation.ts'

/** Many new records at once, where that is cheaper than commits of them. */
export interface BulkImport {
  /**
   * Stores new records, each expected to be absent, in order and in bounded memory; every commit applies all of its records or none.
   * Disposes the body of every record it takes. `onCommitted` is told after each commit how many records are stored, which
   * are always the first ones.
   *
   * Rejects with `ALREADY_EXISTS` (`details.ids`) when ids are taken or occur twice, with `OUTCOME_PENDING` when it cannot be known
   * whether a commit was applied; nothing after that commit is.
   */
  importRecords(
    namespace: Namespace,
    records: AsyncIterable<PutMutation>,
    onCommitted: (committed: number) => void,
  ): Promise<void>
}
