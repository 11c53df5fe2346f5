import { createMemoryBody } from '../bodies/memory-body.ts'
import { adoptFileAsBody, spoolBody, temporaryBodyPath } from '../bodies/body-spool.ts'
import type { RecordBody } from '../bodies/record-body.ts'
import { UmbraError } from '../errors/umbra-error.ts'
import { encodeJsonLines } from '../formats/json-lines.ts'
import { assertJsonValue } from '../formats/json-value.ts'
import type { ParquetCodec } from '../formats/parquet-codec.ts'
import { checkPartKeys, dataKey, headKey } from '../keys/key-paths.ts'
import type { JsonObject } from '../json.ts'
import type { DataFormat } from '../records/data-format.ts'
import type { EntryDraft } from '../records/manifest-entry.ts'
import type { Namespace } from '../records/namespace.ts'
import { createEntryText } from '../search/entry-text.ts'
import type { EntryTextCollector } from '../search/entry-text.ts'
import type { StorageLimits } from './limits.ts'
import { recordRows } from './record-rows.ts'

/** What a revision is, before its data is encoded. */
export interface RevisionDescription {
  readonly namespace: Namespace
  readonly id: string
  readonly timestamp: string
  readonly updatedAt: string | undefined
  readonly dataFormat: DataFormat
  readonly metadata: JsonObject
  readonly filename: string | undefined
  readonly contentType: string | undefined
}

export interface EncodedRecord {
  readonly draft: EntryDraft
  readonly body: RecordBody
  /** The id was minted for this record. */
  readonly freshId?: true
}

export interface EncodeComponents {
  readonly parquet: ParquetCodec
  readonly limits: StorageLimits
}

/** Ten digits are the most a record's etag has room for; a ULID has 26 characters. */
const LONGEST_SUFFIX = { rev: 9_999_999_999, nonce: '0'.repeat(26) }

interface EncodedBody {
  readonly body: RecordBody
  readonly recordCount: number | null
}

/** Encodes, hashes and indexes a revision; nothing is stored yet. The caller disposes the body. */
export async function encodeRecord(
  description: RevisionDescription,
  data: unknown,
  components: EncodeComponents,
): Promise<EncodedRecord> {
  assertKeysFit(description)
  const text = createEntryText(description)
  const { body, recordCount } = await encodeBody(description.dataFormat, data, text, components)
  return { body, draft: toDraft(description, { body, recordCount }, text) }
}

/** Every key the record may ever need, so that a record which can be stored can also be updated. */
function assertKeysFit({ namespace, id, timestamp, dataFormat, filename }: RevisionDescription): void {
  headKey(namespace)
  checkPartKeys(namespace)
  dataKey({ namespace, id, timestamp, format: dataFormat, filename, later: LONGEST_SUFFIX })
}

function toDraft(
  description: RevisionDescription,
  encoded: EncodedBody,
  text: EntryTextCollector,
): EntryDraft {
  const { text: searchText, truncated } = text.finish()
  return {
    id: description.id,
    module: description.namespace.module,
    user_id: description.namespace.userId,
    timestamp: description.timestamp,
    data_type: description.dataFormat,
    size: encoded.body.size,
    metadata: description.metadata,
    sha256: encoded.body.sha256,
    record_count: encoded.recordCount,
    text: searchText,
    ...(truncated && { text_truncated: true }),
    ...(description.updatedAt !== undefined && { updated_at: description.updatedAt }),
    ...(description.contentType !== undefined && { content_type: description.contentType }),
    ...(description.filename !== undefined && { filename: description.filename }),
  }
}

async function encodeBody(
  format: DataFormat,
  data: unknown,
  text: EntryTextCollector,
  components: EncodeComponents,
): Promise<EncodedBody> {
  const spoolOptions = { maxBytes: components.limits.maxRecordBytes }
  switch (format) {
    case 'json':
      return { body: encodeJson(data, text, components.limits), recordCount: null }
    case 'jsonl': {
      let recordCount = 0
      const lines = encodeJsonLines(recordRows(data, format), (row) => {
        recordCount++
        text.addValue(row)
      })
      return { body: await spoolBody(lines, spoolOptions), recordCount }
    }
    case 'parquet': {
      const path = temporaryBodyPath()
      const { recordCount } = await components.parquet.write(indexed(recordRows(data, format), text), path)
      return { body: await adoptFileAsBody(path, spoolOptions), recordCount }
    }
    case 'binary':
      return { body: await spoolBody(binaryChunks(data), spoolOptions), recordCount: null }
    default:
      return format satisfies never
  }
}

function encodeJson(data: unknown, text: EntryTextCollector, limits: StorageLimits): RecordBody {
  assertJsonValue(data, 'data')
  text.addValue(data)
  const bytes = new TextEncoder().encode(JSON.stringify(data))
  if (bytes.byteLength > limits.maxRecordBytes) {
    throw new UmbraError(
      'TOO_LARGE',
      `the body is larger than the limit; split the record. bytes=${bytes.byteLength}`,
      {
        details: { field: 'data', bytes: bytes.byteLength, limitBytes: limits.maxRecordBytes },
      },
    )
  }
  return createMemoryBody(bytes)
}

async function* indexed(
  rows: Iterable<unknown> | AsyncIterable<unknown>,
  text: EntryTextCollector,
): AsyncGenerator {
  for await (const row of rows) {
    text.addValue(row)
    yield row
  }
}

async function* binaryChunks(data: unknown): AsyncGenerator<Uint8Array> {
  if (data instanceof Uint8Array) {
    // A copy, so that a caller's later change cannot reach what is being stored.
    yield Uint8Array.from(data)
    return
  }
  if (typeof data !== 'object' || data === null || !(Symbol.asyncIterator in data)) {
    throw invalidBinary('must be a Uint8Array or an async iterable of them')
  }
  for await (const chunk of data as AsyncIterable<unknown>) {
    if (!(chunk instanceof Uint8Array)) throw invalidBinary('must yield Uint8Array chunks')
    yield chunk
  }
}

function invalidBinary(reason: string): UmbraError {
  return new UmbraError('INVALID_INPUT', `data ${reason}`, { details: { field: 'data', reason } })
}
