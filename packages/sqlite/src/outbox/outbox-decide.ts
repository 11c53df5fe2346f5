import { recordEtag, rollHash } from '@umbra/core'
import type { ManifestEntry, UmbraError, WriterMark } from '@umbra/core'
import type { OutboxContext } from './outbox-context.ts'
import { toErrorJson } from './outbox-error.ts'
import { evictKept } from './outbox-kept.ts'
import { leasedRow, releaseLease, takeLease } from './outbox-lanes.ts'
import type { DecidedOperation, LaneLease } from './outbox-port.ts'
import { predictedEtag } from './outbox-rows.ts'
import type { MutationRow } from './outbox-rows.ts'

export interface Recorded {
  readonly lease: LaneLease | undefined
  readonly recorded: boolean
}

/** Records what became of operations, and how far the store has decided. Runs inside a transaction. */
export function decideOperations(
  context: OutboxContext,
  lease: LaneLease,
  request: { readonly decided: readonly DecidedOperation[]; readonly mark: WriterMark | undefined },
): Recorded {
  const { statements } = context
  const row = leasedRow(context, lease)
  if (row === undefined) return { lease: undefined, recorded: false }
  const counted = createCount(lease.mark, request.mark)
  for (const one of request.decided) {
    const h = counted(one.operation)
    if (one.decision.kind === 'committed') commit(context, lease.lanePk, { ...one, h })
    else refuse(context, one, { kind: one.decision.kind, error: one.decision.error })
  }
  if (request.mark !== undefined) statements.setMark.run({ pk: row.pk, ...request.mark })
  evictKept(context)
  const current = { ...row, markN: request.mark?.n ?? row.markN, markH: request.mark?.h ?? row.markH }
  if ((statements.countWaiting.get({ pk: row.pk })?.count ?? 0) > 0)
    return { lease: takeLease(context, current), recorded: true }
  releaseLease(context, row)
  return { lease: undefined, recorded: true }
}

/** The writer's rolling hash after each operation; null for those that were refused without being counted. */
function createCount(before: WriterMark | undefined, after: WriterMark | undefined) {
  let h = before?.h ?? ''
  return ({ n, opId }: { readonly n: number; readonly opId: string }): string | null => {
    if (after === undefined || n > after.n || n <= (before?.n ?? 0)) return null
    h = rollHash(h, opId)
    return h
  }
}

function commit(
  context: OutboxContext,
  lane: number,
  { operation, decision, h }: DecidedOperation & { readonly h: string | null },
): void {
  const { statements, clock } = context
  const op = statements.getOp.get({ pk: operation.pk })
  if (op === undefined) return
  const decidedAt = clock.now()
  const { changes } = statements.decideOp.run({
    pk: op.pk,
    state: 'committed',
    decidedAt,
    h,
    error: null,
  })
  if (changes === 0) return
  statements.addBytes.run({ bytes: -op.bytes, keptBytes: op.bytes })
  for (const entry of (decision.kind === 'committed' && decision.entries) || []) {
    rebaseOnto(context, lane, entry, operation.entries)
    statements.setRevision.run({ op: op.pk, id: entry.id, rev: entry.rev })
  }
}

/** What was queued over a revision that turned out to have another number is queued over the real one. */
function rebaseOnto(
  { statements }: OutboxContext,
  lane: number,
  entry: ManifestEntry,
  predicted: readonly ManifestEntry[],
): void {
  const expected = predicted.find(({ id }) => id === entry.id)
  if (expected === undefined || entry.op !== 'put') return
  let from = recordEtag(expected)
  let to = recordEtag(entry)
  let rev = entry.rev
  // What was moved may name, under its new number, an etag that another one had: contents come again.
  const moved = new Set<number>()
  // Each may in turn have others queued over it.
  for (;;) {
    if (from === to) return
    const next: MutationRow | undefined = statements.over
      .all({ lane, id: entry.id, expect: from })
      .find(({ mutation }) => !moved.has(mutation.op))?.mutation
    if (next === undefined) return
    moved.add(next.op)
    from = predictedEtag(next)
    rev = Math.max(rev + 1, next.minRev ?? 1)
    statements.rebase.run({ op: next.op, idx: next.idx, expect: to, rev, certain: 1 })
    to = predictedEtag({ ...next, rev })
  }
}

function refuse(
  context: OutboxContext,
  { operation }: DecidedOperation,
  refusal: { readonly kind: 'conflict' | 'dead'; readonly error: UmbraError },
): void {
  const { statements, clock } = context
  const op = statements.getOp.get({ pk: operation.pk })
  if (op?.state !== 'trying' && op?.state !== 'pending') return
  // It stays, whoever waits for it: its caller may not have come to wait yet, and must find it.
  statements.decideOp.run({
    pk: op.pk,
    state: refusal.kind,
    decidedAt: clock.now(),
    h: null,
    error: toErrorJson(refusal.error),
  })
}
