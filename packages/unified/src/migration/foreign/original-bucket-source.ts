import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { headKey, isUmbraError, namespacePath, parseDataKey, parseHead, UmbraError } from '@umbra/core'
import type { DataFormat, JsonObject, ManifestEntry, Namespace, ObjectInfo, ParquetCodec } from '@umbra/core'
import type { ForeignRecord, ForeignSource, Reject } from './foreign-record.ts'
import { readJsonLinesFile } from './read-json-lines-file.ts'

/** What is needed of a bucket: `createR2StorageManager` has it. */
export interface ReadableBucket {
  listObjects(prefix: string): AsyncIterable<ObjectInfo>
  downloadData(key: string): Promise<Uint8Array | null>
}

const FORMATS: Readonly<Record<string, DataFormat>> = { json: 'json', jsonl: 'jsonl', parquet: 'parquet' }

type EntriesByKey = ReadonlyMap<string, ManifestEntry>

/**
 * A bucket in the original system's layout: data objects in date folders, whether its manifest names them or not, and
 * JSON blobs. What a manifest says of an object (id, time, metadata) is kept.
 */
export function createOriginalBucketSource(bucket: ReadableBucket, parquet: ParquetCodec): ForeignSource {
  return {
    async *records(reject) {
      // Keys come sorted, so one namespace after the other.
      let path = ''
      let entries: EntriesByKey = new Map()
      for await (const object of bucket.listObjects('')) {
        const owner = parseDataKey(object.key)
        if (owner === undefined) continue
        if (namespacePath(owner.namespace) !== path) {
          path = namespacePath(owner.namespace)
          entries = await readManifest(bucket, owner.namespace, reject)
        }
        const entry = entries.get(object.key)
        yield toRecord({ bucket, parquet, reject }, object, { ...owner, ...(entry && { entry }) })
      }
    },
    async *blobs(reject) {
      for await (const { key } of bucket.listObjects('json_blobs/')) {
        const bytes = await bucket.downloadData(key)
        if (bytes === null) continue
        if (parseJson(bytes) !== undefined) yield { path: key, bytes }
        else reject({ origin: key, place: undefined, reason: 'is not JSON' })
      }
    },
  }
}

/** The entries of a namespace by the key of their object; none when there is no manifest, or a damaged one. */
async function readManifest(
  bucket: ReadableBucket,
  namespace: Namespace,
  reject: Reject,
): Promise<EntriesByKey> {
  const key = headKey(namespace)
  const bytes = await bucket.downloadData(key)
  if (bytes === null) return new Map()
  try {
    const { parts, tail } = parseHead(bytes, namespace)
    if (parts.length > 0)
      reject({
        origin: key,
        place: undefined,
        reason: "the manifest is not the original system's; use migrate",
      })
    return new Map(tail.map(({ entry }) => [entry.key, entry]))
  } catch (error) {
    if (!isUmbraError(error)) throw error
    reject({ origin: key, place: undefined, reason: error.message })
    return new Map()
  }
}

interface ReadContext {
  readonly bucket: ReadableBucket
  readonly parquet: ParquetCodec
  readonly reject: Reject
}

interface Owner {
  readonly namespace: Namespace
  readonly id: string
  readonly entry?: ManifestEntry
}

function toRecord(
  context: ReadContext,
  { key, lastModified }: ObjectInfo,
  { namespace, id, entry }: Owner,
): ForeignRecord {
  const dataFormat = FORMATS[key.slice(key.lastIndexOf('.') + 1)] ?? 'binary'
  return {
    namespace,
    id: entry?.id ?? id,
    origin: key,
    timestamp: entry?.timestamp ?? lastModified.toISOString(),
    dataFormat,
    metadata: { ...entry?.metadata, source: key } satisfies JsonObject,
    ...(dataFormat === 'binary' && { filename: key.slice(key.lastIndexOf('/') + 1) }),
    load: async () => load(context, key, dataFormat),
  }
}

async function load(
  { bucket, parquet, reject }: ReadContext,
  key: string,
  format: DataFormat,
): Promise<unknown> {
  const bytes = await bucket.downloadData(key)
  if (bytes === null) throw new UmbraError('INVALID_INPUT', 'is gone since it was listed')
  switch (format) {
    case 'json': {
      const data = parseJson(bytes)
      if (data === undefined) throw new UmbraError('INVALID_INPUT', 'is not JSON')
      return data
    }
    case 'jsonl':
      return { records: readLines(bytes, key, reject) }
    case 'parquet':
      return { records: readParquet(bytes, parquet) }
    case 'binary':
      return bytes
    default:
      return format satisfies never
  }
}

/** The codec reads files. */
async function* readParquet(bytes: Uint8Array, parquet: ParquetCodec): AsyncGenerator {
  const folder = await mkdtemp(join(tmpdir(), 'umbra-original-'))
  try {
    const file = join(folder, 'body.parquet')
    await writeFile(file, bytes)
    yield* parquet.read(file)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function* readLines(bytes: Uint8Array, origin: string, reject: Reject): AsyncGenerator {
  for await (const row of readJsonLinesFile(only(bytes))) {
    if (row.kind === 'row') yield row.value
    else reject({ origin, place: `line ${row.line}`, reason: row.reason, raw: row.raw })
  }
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** Undefined when it is not JSON, which has no such value. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}
