import {
  DEFAULT_LIMITS,
  encodeRecord,
  hasErrorCode,
  isUmbraError,
  parseInput,
  parseMetadata,
  recordAddressSchema,
  systemClock,
  UmbraError,
} from '@umbra/core'
import type { Clock, ManifestEntry, Namespace, ParquetCodec, StorageBackend } from '@umbra/core'
import { isSame } from '../decide-record.ts'
import { inGroups } from '../merge-ordered.ts'
import type { ForeignRecord, ForeignSource, Reject } from './foreign-record.ts'
import type { ImportMirror } from './import-mirror.ts'
import { rawText } from './raw-text.ts'

export interface StagingContext {
  readonly stage: StorageBackend
  readonly target: StorageBackend
  readonly mirror?: ImportMirror
  readonly reject: Reject
  readonly parquet: ParquetCodec
  readonly clock?: Clock
  readonly signal?: AbortSignal
}

const TAKEN = 'is taken by what is only in sqlite; migrate that to r2, or rename one of them'

/** Records that are looked up in the target together. */
const GROUP_SIZE = 200

/** What is wrong with a record, and not with a store. */
const OF_THE_RECORD = ['INVALID_INPUT', 'TOO_LARGE', 'ALREADY_EXISTS', 'CORRUPT', 'UNSUPPORTED'] as const

interface Checked {
  readonly record: ForeignRecord
  readonly namespace: Namespace
  readonly id: string
}

/** What the target has of an id, or its mirror alone. */
interface Current {
  readonly entry: ManifestEntry | undefined
  readonly onlyInMirror: boolean
  /** Nothing more is to be done when the entry is what is imported. */
  readonly complete: boolean
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
      checked.map(async (one) => [one, await findCurrent(one, context)] as const),
    )
    for (const [one, current] of currents) {
      if (isUnchanged(one.record, current)) {
        unchanged++
        // An import that was ended may have stored the record and not told anybody what is missing from it.
        await rejectAgain(one.record, context.reject)
      } else await stageRecord(one, current, context)
    }
  }
  if (source.blobs !== undefined) {
    for await (const { path, bytes } of source.blobs(context.reject)) {
      const only = await context.mirror?.findOnlyBlob(path)
      if (only === undefined || Buffer.from(only.bytes).equals(bytes))
        await context.stage.blobs.put(path, bytes, undefined)
      else context.reject({ origin: path, place: undefined, reason: `the key ${TAKEN}` })
    }
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

async function findCurrent({ namespace, id }: Checked, { target, mirror }: StagingContext): Promise<Current> {
  const stored = await target.getEntry(namespace, id)
  if (mirror === undefined) return { entry: stored?.entry, onlyInMirror: false, complete: true }
  if (stored !== undefined)
    return { entry: stored.entry, onlyInMirror: false, complete: await mirror.hasCopy(namespace, id) }
  const only = await mirror.findOnly(namespace, id)
  return { entry: only, onlyInMirror: only !== undefined, complete: true }
}

function isUnchanged({ sourceSha256 }: ForeignRecord, { entry, complete }: Current): boolean {
  return complete && sourceSha256 !== undefined && entry?.metadata['source_sha256'] === sourceSha256
}

async function rejectAgain(record: ForeignRecord, reject: Reject): Promise<void> {
  try {
    await record.reject?.()
  } catch (error) {
    if (!hasErrorCode(error, ...OF_THE_RECORD)) throw error
    reject({ origin: record.origin, place: undefined, reason: error.message })
  }
}

async function stageRecord(
  { record, namespace, id }: Checked,
  current: Current,
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
        timestamp: record.timestamp ?? current.entry?.timestamp ?? nowOf(context.clock),
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
      assertFree(current, { ...draft, key: '', etag: '', rev: 1, op: 'put' })
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

/** A record of the mirror alone must not be hidden by another one of the target, which would replace it at the next change. */
function assertFree({ entry, onlyInMirror }: Current, staged: ManifestEntry): void {
  if (!onlyInMirror || entry === undefined) return
  if (isSame(entry, staged)) return
  throw new UmbraError('INVALID_INPUT', `the id ${TAKEN}. id=${staged.id}`)
}

/** So that what is rejected can be kept; rows that were streamed are in their file. */
function rawOf({ dataFormat }: ForeignRecord, data: unknown): { readonly raw?: string } {
  return dataFormat === 'json' && data !== undefined ? { raw: rawText(data) } : {}
}

function nowOf(clock: Clock = systemClock): string {
  return new Date(clock.now()).toISOString()
}
