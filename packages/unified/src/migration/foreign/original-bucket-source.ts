import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isUmbraError, oneChunk, parseHead, UmbraError } from '@umbra/core'
import type { DataFormat, JsonObject, ManifestEntry, ObjectInfo, ParquetCodec } from '@umbra/core'
import type { ForeignRecord, ForeignSource, Reject } from './foreign-record.ts'
import {
  isReserved,
  manifestPrefix,
  namespaceOf,
  originalManifestKey,
  parseOriginalKey,
} from './original-key.ts'
import type { OriginalKey } from './original-key.ts'
import { parseExactJson } from './parse-exact-json.ts'
import { readJsonLinesFile } from './read-json-lines-file.ts'

/** What is needed of a bucket: `createR2StorageManager` has it. */
export interface ReadableBucket {
  listObjects(prefix: string): AsyncIterable<ObjectInfo>
  downloadData(key: string): Promise<Uint8Array | null>
}

const FORMATS: Readonly<Record<string, DataFormat>> = { json: 'json', jsonl: 'jsonl', parquet: 'parquet' }

/** What the manifest of one module and user says. */
interface Described {
  readonly prefix: string
  /** By the key of their object; those that were found are taken out. */
  readonly entries: Map<string, ManifestEntry>
  readonly keysById: ReadonlyMap<string, string>
}

/**
 * A bucket in the original system's layout: data objects in date folders, whether its manifest names them or not, others that a manifest
 * names, and JSON blobs. What a manifest says of an object (id, time, metadata) is kept. What it names and is not there is rejected.
 */
export function createOriginalBucketSource(bucket: ReadableBucket, parquet: ParquetCodec): ForeignSource {
  return {
    async *records(reject) {
      const context = { bucket, parquet, reject }
      const unread = new Set<string>()
      const read = new Set<string>()
      let current: Described | undefined
      // Keys come sorted, so one module and user after the other.
      for await (const object of bucket.listObjects('')) {
        const prefix = manifestPrefix(object.key)
        if (prefix !== undefined) unread.add(prefix)
        if (isReserved(object.key) || isFolder(object)) continue
        const key = parseOriginalKey(object.key)
        if (key === undefined) {
          reject({ origin: object.key, place: undefined, reason: 'is in no folder of a module and a user' })
          continue
        }
        if (key.prefix !== current?.prefix) {
          rejectMissing(current, reject)
          read.add(key.prefix)
          current = await readManifest(context, key.prefix)
        }
        const record = toRecord(context, { object, key, described: current })
        if (record !== undefined) yield record
      }
      rejectMissing(current, reject)
      for (const prefix of unread)
        if (!read.has(prefix)) rejectMissing(await readManifest(context, prefix), reject)
    },
    async *blobs(reject) {
      for await (const object of bucket.listObjects('json_blobs/')) {
        if (isFolder(object)) continue
        const { key } = object
        const bytes = await bucket.downloadData(key)
        if (bytes === null) continue
        if (isJson(bytes)) yield { path: key, bytes }
        else reject({ origin: key, place: undefined, reason: 'is not JSON' })
      }
    },
  }
}

/** Says nothing of any object when there is no manifest, or a damaged one. */
async function readManifest({ bucket, reject }: ReadContext, prefix: string): Promise<Described> {
  const key = originalManifestKey(prefix)
  const bytes = await bucket.downloadData(key)
  const nothing = { prefix, entries: new Map<string, ManifestEntry>(), keysById: new Map<string, string>() }
  if (bytes === null) return nothing
  try {
    const { parts, tail } = parseHead(bytes, namespaceOf(prefix))
    if (parts.length > 0)
      reject({
        origin: key,
        place: undefined,
        reason: "the manifest is not the original system's; use migrate",
      })
    const live = tail.filter(({ entry }) => entry.op === 'put')
    return {
      prefix,
      entries: new Map(live.map(({ entry }) => [entry.key, entry])),
      keysById: new Map(live.map(({ entry }) => [entry.id, entry.key])),
    }
  } catch (error) {
    if (!isUmbraError(error)) throw error
    reject({ origin: key, place: undefined, reason: error.message })
    return nothing
  }
}

/** What some tools put where a folder would be; it holds nothing. */
function isFolder({ key, size }: ObjectInfo): boolean {
  return key.endsWith('/') && size === 0
}

function rejectMissing(described: Described | undefined, reject: Reject): void {
  for (const { key, id } of described?.entries.values() ?? [])
    reject({ origin: key, place: undefined, reason: `is named by the manifest and is not there. id=${id}` })
}

interface ReadContext {
  readonly bucket: ReadableBucket
  readonly parquet: ParquetCodec
  readonly reject: Reject
}

/** Undefined, and rejected, when nothing says what the object is. */
function toRecord(
  context: ReadContext,
  {
    object: { key, lastModified },
    key: { namespace, id: idInKey },
    described: { entries, keysById },
  }: { readonly object: ObjectInfo; readonly key: OriginalKey; readonly described: Described },
): ForeignRecord | undefined {
  const entry = entries.get(key)
  entries.delete(key)
  const id = entry?.id ?? idInKey
  const currentKey = keysById.get(id ?? '') ?? key
  if (id === undefined || currentKey !== key) {
    const reason =
      id === undefined
        ? 'is in no date folder, and no manifest names it'
        : `is an older version: the manifest names another object. key=${currentKey}`
    context.reject({ origin: key, place: undefined, reason })
    return undefined
  }
  const dataFormat = FORMATS[key.slice(key.lastIndexOf('.') + 1)] ?? 'binary'
  return {
    namespace,
    id,
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
    case 'json':
      return parseExactJson(decode(bytes))
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
  for await (const row of readJsonLinesFile(oneChunk(bytes))) {
    if (row.kind === 'row') yield row.value
    else {
      const { kind: _kind, line, ...why } = row
      reject({ origin, place: `line ${line}`, ...why })
    }
  }
}

/** Whether it can be kept, as the very bytes it is. */
function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(decode(bytes))
    return true
  } catch {
    return false
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new UmbraError('INVALID_INPUT', 'is not UTF-8', { cause })
  }
}
