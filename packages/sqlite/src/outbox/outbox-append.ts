import { blobEtag, createMemoryBody, isMinted, mutationId } from '@umbra/core'
import type { Mutation } from '@umbra/core'
import type { PreparedBody } from '../body-store.ts'
import type { OutboxContext } from './outbox-context.ts'
import { translated } from '../sqlite-error.ts'
import { adoptBefore } from './orphans.ts'
import { largerThanOutbox, outboxFull } from './outbox-error.ts'
import { evictKept } from './outbox-kept.ts'
import { laneRow, takeLease } from './outbox-lanes.ts'
import type { Appended, BlobWrite, Lane, OutboxWrite } from './outbox-port.ts'
import { NOBODY, predictedEntry, toExpectColumn } from './outbox-rows.ts'
import { predictRevision } from './predict-revision.ts'
import { refuseConflicting } from './refuse-conflicting.ts'
import type { MutationRow, NewMutation } from './outbox-rows.ts'

/** What an operation and each of its mutations take besides their bodies and descriptions, roughly. Bytes. */
const OVERHEAD_BYTES = 512

interface PreparedWrite {
  readonly mutation: NewMutation
  readonly body: PreparedBody | undefined
}

/** Writes bodies aside, then queues the operation in one transaction. */
export async function appendOperation(
  context: OutboxContext,
  lane: Lane,
  request: { readonly write: OutboxWrite; readonly state: 'trying' | 'pending'; readonly isStored: boolean },
): Promise<Appended> {
  await adoptBefore(context, lane, request.write)
  const bytes = bytesOf(request.write)
  // Before anything is written aside, and with what others write aside just now: the limit is one of the disk.
  translated(() => assertRoom(context, bytes, context.aside.bytes))
  context.aside.bytes += bytes
  const prepared: PreparedWrite[] = []
  try {
    if ('blob' in request.write) prepared.push(await prepareBlob(context, lane, request.write.blob))
    else
      for (const mutation of request.write.mutations) prepared.push(await prepareMutation(context, mutation))
    const base = 'blob' in request.write ? request.write.blob.base : null
    return await context.writes.run(() => insert(context, lane, { ...request, prepared, base, bytes }))
  } catch (error) {
    await Promise.allSettled(prepared.map(async ({ body }) => body && context.bodyStore.discard(body)))
    throw error
  } finally {
    context.aside.bytes -= bytes
  }
}

async function prepareMutation(context: OutboxContext, mutation: Mutation): Promise<PreparedWrite> {
  const body = mutation.kind === 'put' ? await context.bodyStore.prepare(mutation.body) : undefined
  const isPut = mutation.kind === 'put'
  return {
    body,
    mutation: {
      kind: mutation.kind,
      id: mutationId(mutation),
      draft: isPut ? mutation.draft : null,
      expect: toExpectColumn(mutation.expect),
      freshId: isMinted(mutation),
      minRev: isPut ? (mutation.rev ?? null) : null,
      rev: 0,
      certain: false,
      etag: body?.etag ?? '',
      sha256: isPut ? mutation.body.sha256 : '',
      size: isPut ? mutation.body.size : 0,
      at: isPut ? (mutation.draft.updated_at ?? mutation.draft.timestamp) : mutation.at,
    },
  }
}

async function prepareBlob(context: OutboxContext, lane: Lane, blob: BlobWrite): Promise<PreparedWrite> {
  const body = blob.bytes && createMemoryBody(blob.bytes)
  return {
    body: body && (await context.bodyStore.prepare(body)),
    mutation: {
      kind: blob.bytes === undefined ? 'delete' : 'put',
      id: lane.path,
      draft: null,
      expect: toExpectColumn(blob.expect),
      freshId: false,
      minRev: null,
      rev: 0,
      certain: true,
      etag: blob.bytes === undefined ? '' : blobEtag(blob.bytes),
      sha256: body?.sha256 ?? '',
      size: body?.size ?? 0,
      at: new Date(context.clock.now()).toISOString(),
    },
  }
}

interface PreparedOperation {
  readonly write: OutboxWrite
  readonly prepared: readonly PreparedWrite[]
  readonly state: 'trying' | 'pending'
  readonly isStored: boolean
  readonly base: string | null
  readonly bytes: number
}

function insert(context: OutboxContext, lane: Lane, operation: PreparedOperation): Appended {
  const { statements, clock, ids, holder } = context
  const { bytes } = operation
  reserve(context, bytes)
  const row = laneRow(context, lane)
  refuseConflicting(context, { pk: row.pk, lane }, operation)
  const now = clock.now()
  const opId = ids.next(now)
  const predicted = operation.prepared.map(({ mutation }) => predictRevision(context, row, mutation))
  const pk = Number(
    statements.insertOp.run({
      lane: row.pk,
      n: row.lastN + 1,
      opId,
      state: operation.state,
      holder: operation.state === 'trying' ? holder.name : NOBODY,
      barrier: predicted.some(({ barrier }) => barrier),
      createdAt: now,
      bytes,
    }).lastInsertRowid,
  )
  if (operation.base !== null) statements.setBase.run({ pk, base: operation.base })
  const rows = operation.prepared.map(({ mutation, body }, idx): MutationRow => {
    const attached = body === undefined ? null : context.bodyStore.attach(body)
    const { rev, certain } = predicted[idx] ?? { rev: 1, certain: false }
    const values = { ...mutation, rev, certain, op: pk, idx, lane: row.pk, body: attached }
    statements.insertMutation.run({
      ...values,
      draft: values.draft,
    })
    return values
  })
  statements.setLastN.run({ pk: row.pk, lastN: row.lastN + 1 })
  // Who does not send now leaves it to one that can.
  if (operation.state === 'trying') takeLease(context, row)
  const entries = lane.namespace === undefined ? [] : rows.map((one) => predictedEntry(one, opId, lane))
  return { pk, opId, entries }
}

/**
 * Returns the bytes that are left. `asideBytes`: what is taken besides operations that wait or are listed.
 *
 * @throws `OUTBOX_FULL`, and `TOO_LARGE` for what no waiting makes room for.
 */
function assertRoom(
  { statements, limits: { maxBytes } }: OutboxContext,
  bytes: number,
  asideBytes = 0,
): number {
  if (bytes > maxBytes) throw largerThanOutbox({ bytes, maxBytes })
  const used = (statements.findState.get()?.bytes ?? 0) + asideBytes
  if (used + bytes > maxBytes) throw outboxFull({ bytes: used, maxBytes })
  return maxBytes - used - bytes
}

/** Committed operations make room. Throws as {@link assertRoom} does. */
function reserve(context: OutboxContext, bytes: number): void {
  const { statements } = context
  const left = assertRoom(context, bytes)
  statements.addBytes.run({ bytes, keptBytes: 0 })
  evictKept(context, left)
}

function bytesOf(write: OutboxWrite): number {
  if ('blob' in write) return 2 * OVERHEAD_BYTES + (write.blob.bytes?.byteLength ?? 0)
  return write.mutations.reduce(
    (sum, mutation) => sum + OVERHEAD_BYTES + contentBytes(mutation),
    OVERHEAD_BYTES,
  )
}

function contentBytes(mutation: Mutation): number {
  if (mutation.kind === 'delete') return 0
  const { draft, body } = mutation
  return body.size + draft.text.length + JSON.stringify(draft.metadata).length
}
