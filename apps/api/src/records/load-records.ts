import type {
  Namespace,
  RetrieveOptions,
  StorageManager,
  StorageRecord,
  StorageRecordInfo,
} from '@umbra/core'

/** Records past this size are listed without their data, bytes. */
const MAX_INLINE_BYTES = 1024 * 1024

/** Bodies read at the same time: together with {@link MAX_INLINE_BYTES} the bound on a listing's memory. */
const PARALLEL_BODIES = 16

export type ListedRecord = StorageRecord | StorageRecordInfo

/** The records behind a page of entries, in its order, with the data of those that are small and not binary. */
export async function* loadRecords(
  storage: StorageManager,
  { module, userId }: Namespace,
  entries: readonly StorageRecordInfo[],
  reading: RetrieveOptions = {},
): AsyncGenerator<ListedRecord, void, undefined> {
  const load = async (entry: StorageRecordInfo): Promise<ListedRecord | null> => {
    if (entry.dataFormat === 'binary' || entry.size > MAX_INLINE_BYTES) return entry
    return storage.retrieveData(module, userId, entry.id, reading)
  }
  const waiting = entries.values()
  const loading: Promise<ListedRecord | null>[] = []
  const startNext = () => {
    const { value, done } = waiting.next()
    if (done === true) return
    const started = load(value)
    // Its failure is seen when its turn comes, which is never when an earlier one fails.
    started.catch(() => undefined)
    loading.push(started)
  }
  for (let started = 0; started < PARALLEL_BODIES; started++) startNext()
  for (let first = loading.shift(); first !== undefined; first = loading.shift()) {
    const record = await first
    startNext()
    // Null: deleted since the page was read.
    if (record !== null) yield record
  }
}
