import { DATA_FORMATS } from '@umbra/core'
import { z } from 'zod'
import 'zod-openapi'

const stale = z
  .strictObject({
    asOf: z.iso
      .datetime()
      .nullable()
      .meta({ description: 'When the store was last seen; null when that is not known' }),
    pending: z.int().min(0).meta({ description: 'Pending writes of the module and user that this includes' }),
  })
  .optional()
  .meta({ description: 'Present when the store could not be asked, so this may be out of date' })

const recordFields = {
  id: z.string(),
  module: z.string(),
  userId: z.string(),
  dataFormat: z.enum(DATA_FORMATS),
  timestamp: z.iso.datetime().meta({ description: 'When the record was first stored' }),
  updatedAt: z.iso.datetime().meta({ description: 'When this revision was stored' }),
  storageBackend: z
    .enum(['r2', 'sqlite', 'memory'])
    .meta({ description: 'Where the record was read or written' }),
  storageKey: z.string().meta({ description: 'Object key of the body' }),
  etag: z.string().meta({ description: 'The version to send, in double quotes, as If-Match' }),
  revision: z.int().min(1),
  size: z.int().min(0).meta({ description: 'Bytes of the stored body' }),
  recordCount: z.int().nullable().meta({ description: 'Rows of a jsonl or parquet record, else null' }),
  metadata: z.record(z.string(), z.unknown()),
  contentType: z.string(),
  filename: z.string().nullable(),
  pending: z.boolean().meta({ description: 'Durable, but not yet applied to its backend' }),
  searchTruncated: z.boolean().meta({ description: 'A search may miss the end of a long text' }),
  stale,
}

export const recordInfo = z.strictObject(recordFields).meta({ id: 'RecordInfo' })

export const record = z
  .strictObject({
    ...recordFields,
    data: z.unknown().optional().meta({
      description:
        'A JSON value; { records: [...] } for jsonl and parquet. In pages it is left out for binary records and those over 1 MiB',
    }),
  })
  .meta({ id: 'Record' })

export const recordPage = z
  .strictObject({
    items: z.array(record),
    cursor: z.string().nullable().meta({ description: 'For the next page; null on the last' }),
    stale,
  })
  .meta({ id: 'RecordPage' })

export const etagHeader = z.object({
  etag: z.string().meta({ description: "The record's version, in double quotes" }),
})

export const createdHeaders = etagHeader.extend({
  location: z.string().meta({ description: "The record's path" }),
})
