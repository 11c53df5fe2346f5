import { committedEntry, recordEtag, revisionKey, uniqueRevisionKey } from '@umbra/core'
import type {
  BlobExpectation,
  DeleteMutation,
  EntryDraft,
  Expectation,
  ManifestEntry,
  Mutation,
} from '@umbra/core'
import { bodyGone } from './outbox-error.ts'
import type { OutboxBodies, StoredBody } from './outbox-body.ts'
import type { BlobWrite, Lane, QueuedOperation } from './outbox-port.ts'
import type { outboxLanes, outboxMutations, outboxOps } from './outbox-schema.ts'
import { unreadable } from './unreadable.ts'

export type LaneRow = typeof outboxLanes.$inferSelect
export type OpRow = typeof outboxOps.$inferSelect
export type MutationRow = typeof outboxMutations.$inferSelect
export type NewMutation = Omit<MutationRow, 'op' | 'idx' | 'lane' | 'body'>

/** How an absent etag is written down. */
export const NONE = '-'

/** The holder of an operation whose caller does not wait any more. */
export const NOBODY = ''

export function toLane({ path, module, userId }: Pick<LaneRow, 'path' | 'module' | 'userId'>): Lane {
  return { path, namespace: module === null || userId === null ? undefined : { module, userId } }
}

/** Keys of rows begin with 1. */
const NO_ROW = 0

/** How an expectation of a revision below another begins. */
const BELOW = '<'
/** And how it ends when nothing that is live may be replaced. */
const NOT_LIVE = '-'

export function toExpectColumn(expect: Expectation | undefined): string | null {
  if (expect === undefined) return null
  if (expect.kind === 'absent') return NONE
  if (expect.kind === 'etag') return expect.etag
  return `${BELOW}${expect.rev}${expect.isLive === false ? NOT_LIVE : ''}`
}

export function fromExpectColumn(expect: string | null): BlobExpectation {
  if (expect === null) return undefined
  return expect === NONE ? { kind: 'absent' } : { kind: 'etag', etag: expect }
}

function toExpectation(expect: string | null): Expectation {
  if (expect?.startsWith(BELOW) === true) {
    const rev = Number.parseInt(expect.slice(BELOW.length))
    return { kind: 'older', rev, ...(expect.endsWith(NOT_LIVE) && { isLive: false }) }
  }
  return fromExpectColumn(expect) ?? { kind: 'absent' }
}

/** The etag a mutation's record will have, as far as known. */
export function predictedEtag(row: Pick<MutationRow, 'rev' | 'sha256'>): string {
  return recordEtag(row)
}

/** What a queued mutation leaves behind once it is applied. */
export function predictedEntry(row: MutationRow, opId: string, lane: Lane): ManifestEntry {
  const { draft, rev, etag } = row
  if (row.kind === 'put' && draft !== null) {
    const key = row.freshId ? revisionKey(draft, rev, opId) : uniqueRevisionKey(draft, rev, opId)
    return committedEntry(draft, rev, { key, etag })
  }
  return {
    id: row.id,
    module: lane.namespace?.module ?? '',
    user_id: lane.namespace?.userId ?? '',
    timestamp: row.at,
    data_type: 'json',
    key: '',
    etag: '',
    size: row.size,
    metadata: {},
    rev,
    // A write whose description is damaged is no deletion.
    op: row.kind === 'delete' ? 'del' : 'put',
    sha256: row.sha256,
    record_count: null,
    text: '',
    updated_at: row.at,
  }
}

export function toMutation(row: MutationRow, bodies: OutboxBodies): Mutation {
  const expect = toExpectation(row.expect)
  const { id, at } = row
  if (row.kind === 'delete') {
    const named = expect.kind === 'etag' ? expect : unreadable<DeleteMutation['expect']>({ kind: 'etag' }, id)
    return { kind: 'delete', id, expect: named, at }
  }
  return {
    kind: 'put',
    draft: row.draft ?? unreadable<EntryDraft>({ id }, id),
    body: bodies.toRecordBody(storedBody(row)),
    expect,
    ...(row.freshId && { freshId: true }),
    ...(row.minRev !== null && { rev: row.minRev }),
  }
}

/** Whoever reads a body that a damaged file does not name finds it gone; until then it is not in the way of others. */
export function storedBody({ body, size, sha256 }: MutationRow): StoredBody {
  return { pk: body ?? NO_ROW, size, sha256 }
}

export function toQueued(
  op: OpRow,
  rows: readonly MutationRow[],
  context: { readonly lane: Lane; readonly bodies: OutboxBodies },
): QueuedOperation {
  const { lane, bodies } = context
  const isBlob = lane.namespace === undefined
  const [first] = rows
  return {
    pk: op.pk,
    n: op.n,
    opId: op.opId,
    resent: op.resent,
    certain: rows.every(({ certain }) => certain),
    createdAt: op.createdAt,
    mutations: isBlob ? [] : rows.map((row) => toMutation(row, bodies)),
    entries: isBlob ? [] : rows.map((row) => predictedEntry(row, op.opId, lane)),
    blob: isBlob ? toBlob(op, first, bodies) : undefined,
    blobEtag: isBlob ? (first?.etag ?? '') : '',
  }
}

/** The row may be missing from a damaged file. */
function toBlob(op: OpRow, row: MutationRow | undefined, bodies: OutboxBodies): BlobWrite {
  return {
    expect: fromExpectColumn(row?.expect ?? null),
    base: op.base,
    get bytes() {
      if (row === undefined) throw bodyGone()
      return row.kind === 'delete' ? undefined : bodies.whole(storedBody(row))
    },
  }
}
