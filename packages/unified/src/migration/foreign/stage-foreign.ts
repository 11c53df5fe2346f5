import {
  DEFAULT_LIMITS,
  encodeRecord,
  hasErrorCode,
  isUmbraError,
  parseInput,
  parseMetadata,
  recordAddressSchema,
  systemClock,
} from '@umbra/core'
import type { Clock, ManifestEntry, Namespace, ParquetCodec, StorageBackend } from '@umbra/core'
import { inGroups } from '../merge-ordered.ts'
import type { ForeignRecord, ForeignSource, Reject } from './foreign-record.ts'
import { rawText } from './raw-text.ts'

export interface StagingContext {
  readonly stage: StorageBackend
  readonly target: StorageBackend
  readonly reject: Reject
  readonly parquet: ParquetCodec
  readonly clock?: Clock
  readonly signal?: AbortSignal
}

/** Records that are looked up in the target together. */
const GROUP_SIZE = 200

/** What is wrong with a record, and not with a store. */
const OF_THE_RECORD = ['INVALID_INPUT', 'TOO_LARGE', 'ALREADY_EXISTS', 'CORRUPT', 'UNSUPPORTED'] as const

interface Checked {
  readonly record: ForeignRecord
  readonly namespace: Namespace
  readonly id: string
}

/** Converts everything a source has into first revisions; what cannot be converted is rejected one by one. */
export async function stageForeign(
  source: ForeignSource,
  context: StagingContext,
): Promise<{ readonly unchanged: number }> {
  let unchanged = 0
  for await (const group of inGroups(source.records(context.reject), GROUP_SIZE)) {
    context.signal?.throwIfAborted()
    const checked = group.flatMap((record) => check(record, context.reject) ?? [])
    const currents = await Promise.all(
      checked.map(async ({ namespace, id }) => (await context.target.getEntry(namespace, id))?.entry),
    )
    for (const [index, one] of checked.entries()) {
      const current = currents[index]
      if (isUnchanged(one.record, current)) {
        unchanged++
        // An import that was ended may have stored the record and not told anybody what is missing from it.
        await one.record.reject?.()
      } else await stageRecord(one, current, context)
    }
  }
  if (source.blobs !== undefined) {
    for await (const { path, bytes } of source.blobs(context.reject))
      await context.stage.blobs.put(path, bytes, undefined)
  }
  return { unchanged }
}

function check(record: ForeignRecord, reject: Reject): Checked | undefined {
  try {
    const address = parseInput(recordAddressSchema, { ...record.namespace, recordId: record.id })
    return { record, namespace: { module: address.module, userId: address.userId }, id: address.recordId }
  } catch (error) {
    if (!isUmbraError(error)) throw error
    reject({ origin: record.origin, place: undefined, reason: error.message })
    return undefined
  }
}

function isUnchanged({ sourceSha256 }: ForeignRecord, current: ManifestEntry | undefined): boolean {
  return sourceSha256 !== undefined && current?.metadata['source_sha256'] === sourceSha256
}

async function stageRecord(
  { record, namespace, id }: Checked,
  current: ManifestEntry | undefined,
  context: StagingContext,
): Promise<void> {
  let data: unknown
  try {
    data = await record.load()
    const { draft, body } = await encodeRecord(
      {
        namespace,
        id,
        // A record that was imported before keeps its time: else it would differ in that.
        timestamp: record.timestamp ?? current?.timestamp ?? nowOf(context.clock),
        updatedAt: undefined,
        dataFormat: record.dataFormat,
        metadata: parseMetadata(record.metadata),
        filename: record.filename,
        contentType: undefined,
      },
      data,
      { parquet: context.parquet, limits: DEFAULT_LIMITS },
    )
    try {
      await context.stage.commit(namespace, [{ kind: 'put', draft, body, expect: { kind: 'absent' } }])
    } finally {
      await body.dispose()
    }
  } catch (error) {
    if (!hasErrorCode(error, ...OF_THE_RECORD)) throw error
    const reason = error.code === 'ALREADY_EXISTS' ? `the id occurs twice. id=${id}` : error.message
    context.reject({ origin: record.origin, place: undefined, reason, ...rawOf(record, data) })
  }
}

/** So that what is rejected can be kept; rows that were streamed are in their file. */
function rawOf({ dataFormat }: ForeignRecord, data: unknown): { readonly raw?: string } {
  return dataFormat === 'json' && data !== undefined ? { raw: rawText(data) } : {}
}

function nowOf(clock: Clock = systemClock): string {
  return new Date(clock.now()).toISOString()
}
