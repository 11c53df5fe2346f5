import type { StorageRecordInfo } from '@umbra/core'
import type { Response } from 'express'
import { quoteEtag } from '../headers/entity-tags.ts'
import { recordPath } from '../records/record-path.ts'

/** 201 for a stored record, 202 for one that is durable but still on its way to its backend. */
export function sendCreated(response: Response, record: StorageRecordInfo): void {
  response
    .status(record.pending ? 202 : 201)
    .set({ etag: quoteEtag(record.etag), location: recordPath(record) })
    .json(record)
}
