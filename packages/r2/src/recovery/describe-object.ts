import {
  contentTypeOf,
  createEntryText,
  DATA_FORMATS,
  decodeJsonLines,
  encodePathPart,
  isUmbraError,
  parseDataKey,
  withRetry,
} from '@umbra/core'
import type { DataFormat, ManifestEntry, Namespace, ObjectHead, ObjectInfo } from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import { decodeRevisionLabel } from '../objects/revision-label.ts'
import type { RevisionLabel } from '../objects/revision-label.ts'
import { parseEntry } from './entry-schema.ts'
import type { FoundEntry } from './rebuild-draft.ts'

/** A JSON body above this is not read again for its search text. */
const MAX_JSON_BYTES = 64 * 1_024 ** 2

const EXTENSION = /\.([a-z0-9]+)$/

/**
 * The entry of an object that no manifest knows, from its metadata and, for JSON and JSONL, its body; undefined when it
 * is not a record's body. The record's own metadata and its file name were only in the manifest: they are lost; so are
 * the search text and the row count of other formats.
 */
export async function describeObject(
  namespace: Namespace,
  { key }: ObjectInfo,
  context: Pick<ManifestContext, 'objects' | 'retry'>,
): Promise<FoundEntry | undefined> {
  const head = await withRetry(() => context.objects.head(key), context.retry)
  if (head === undefined) return undefined
  const label = decodeRevisionLabel(head.metadata)
  const revision = revisionOf(key, head, label)
  if (revision === undefined) return undefined
  const data_type = formatOf(key, head, label)
  const body = await readBody({ key, id: revision.id, data_type, size: head.size }, context)
  const lastModified = head.lastModified.toISOString()
  const entry: ManifestEntry = {
    id: revision.id,
    module: namespace.module,
    user_id: namespace.userId,
    timestamp: revision.at,
    data_type,
    key,
    etag: head.etag,
    size: head.size,
    metadata: {},
    rev: revision.rev,
    op: 'put',
    sha256: revision.sha256,
    ...body,
    ...(revision.rev > 1 && { updated_at: lastModified }),
    ...(data_type === 'binary' && head.contentType !== undefined && { content_type: head.contentType }),
  }
  const parsed = parseEntry(entry, namespace)
  return parsed && { entry: parsed, storedAt: head.lastModified.getTime() }
}

/** Objects of the original system have no metadata, and their keys no revision. */
function revisionOf(
  key: string,
  { lastModified }: ObjectHead,
  label: RevisionLabel | undefined,
): Omit<RevisionLabel, 'op'> | undefined {
  if (label !== undefined) return isNamedBy(key, label.id) ? label : undefined
  const plainId = key.includes('~') ? undefined : parseDataKey(key)?.id
  return plainId === undefined
    ? undefined
    : { id: plainId, rev: 1, sha256: '', at: lastModified.toISOString() }
}

/** A copy that somebody made under another name is not the record. */
function isNamedBy(key: string, id: string): boolean {
  const name = key.slice(key.lastIndexOf('/') + 1)
  const encoded = encodePathPart(id)
  return name.startsWith(`${encoded}.`) || name.startsWith(`${encoded}~`)
}

/** By its extension; but a file that was stored as bytes may have any name, and then its content type is its own. */
function formatOf(key: string, { contentType }: ObjectHead, label: RevisionLabel | undefined): DataFormat {
  const extension = EXTENSION.exec(key)?.[1]
  const format = DATA_FORMATS.find((one) => one === extension) ?? 'binary'
  const isForeign = label === undefined || contentType === undefined
  return isForeign || contentType === contentTypeOf({ data_type: format }) ? format : 'binary'
}

type BodyFields = Pick<ManifestEntry, 'record_count' | 'text' | 'text_truncated'>

async function readBody(
  { key, id, data_type, size }: Pick<ManifestEntry, 'key' | 'id' | 'data_type' | 'size'>,
  { objects, retry }: Pick<ManifestContext, 'objects' | 'retry'>,
): Promise<BodyFields> {
  const isRead = data_type === 'jsonl' || (data_type === 'json' && size <= MAX_JSON_BYTES)
  try {
    return await withRetry(async () => {
      const found = isRead ? await objects.get(key) : undefined
      if (found?.kind !== 'found') return unread(id)
      const text = createEntryText({ id, metadata: {} })
      let rows = 0
      if (data_type === 'json') text.addValue(JSON.parse(new TextDecoder().decode(await found.bytes())))
      else {
        for await (const row of decodeJsonLines(found.body)) {
          rows++
          text.addValue(row)
        }
      }
      const { text: words, truncated } = text.finish()
      return {
        record_count: data_type === 'jsonl' ? rows : null,
        text: words,
        ...(truncated && { text_truncated: true as const }),
      }
    }, retry)
  } catch (error) {
    // Bytes that are not what the name promises are a matter for reads; the record is there all the same.
    if (error instanceof SyntaxError || (isUmbraError(error) && error.code === 'CORRUPT')) return unread(id)
    throw error
  }
}

/** Says that a search may miss it. */
function unread(id: string): BodyFields {
  const { text } = createEntryText({ id, metadata: {} }).finish()
  return { record_count: null, text, text_truncated: true }
}
