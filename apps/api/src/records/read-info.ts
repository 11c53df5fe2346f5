import { UmbraError } from '@umbra/core'
import type { Namespace, OpenedRecord, StorageManager, StorageRecord, StorageRecordInfo } from '@umbra/core'

/** A record's info, or null. The library has no call for it alone, so the body is opened and left. */
export async function readInfo(
  storage: StorageManager,
  namespace: Namespace,
  id: string,
): Promise<StorageRecordInfo | null> {
  const opened = await storage.openData(namespace.module, namespace.userId, id)
  if (opened === null) return null
  await closeBody(opened)
  return opened.record
}

/** Frees a body that is not wanted. A stream that was never begun would not let go of what it holds. */
export async function closeBody({ body }: OpenedRecord): Promise<void> {
  const chunks = body[Symbol.asyncIterator]()
  await chunks.next()
  await chunks.return?.()
}

export function recordNotFound(id: string): UmbraError {
  return new UmbraError('NOT_FOUND', `there is no such record. id=${id}`, { details: { id } })
}

/** A record without its data. */
export function toInfo(record: StorageRecord): StorageRecordInfo {
  const { data, ...info } = record
  void data
  return info
}
