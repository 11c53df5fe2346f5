import { deleteBlob, readBlob, writeBlob } from './blobs.ts'
import { createRecord } from './create-record.ts'
import { deleteRecord } from './delete-record.ts'
import { listRecords } from './list-records.ts'
import { presignRecord } from './presign-record.ts'
import { readRecord } from './read-record.ts'
import type { RouteContext } from './route-context.ts'
import type { Route } from './route.ts'
import { searchRecords } from './search-records.ts'
import { updateRecord } from './update-record.ts'
import { createUpload, finalizeUpload } from './uploads.ts'

const ROUTES = [
  createRecord,
  listRecords,
  readRecord,
  updateRecord,
  deleteRecord,
  searchRecords,
  presignRecord,
  createUpload,
  finalizeUpload,
  readBlob,
  writeBlob,
  deleteBlob,
]

/** Everything below `/v1/{module}/{user}`. */
export function namespaceRoutes(context: RouteContext): Route[] {
  return ROUTES.map((route) => route(context))
}
