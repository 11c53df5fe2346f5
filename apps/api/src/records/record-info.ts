import type { OpenedRecord, StorageRecord, StorageRecordInfo } from '@umbra/core'

/** Frees a body that is not wanted. A stream that was never begun would not let go of what it holds. */
export async function closeBody({ body }: OpenedRecord): Promise<void> {
  const chunks = body[Symbol.asyncIterator]()
  await chunks.next()
  await chunks.return?.()
}

/** A record without its data. */
export function toInfo(record: StorageRecord): StorageRecordInfo {
  const { data, ...info } = record
  void data
  return info
}
