import type { StorageRecordInfo } from '@umbra/core'

/** Where a record is served. */
export function recordPath({
  module,
  userId,
  id,
}: Pick<StorageRecordInfo, 'module' | 'userId' | 'id'>): string {
  const [modulePart, userPart, idPart] = [module, userId, id].map(encodeURIComponent)
  return `/v1/${modulePart}/${userPart}/records/${idPart}`
}
