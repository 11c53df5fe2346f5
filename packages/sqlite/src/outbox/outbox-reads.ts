import { mutationId } from '@umbra/core'
import type { ByteRange, ManifestEntry } from '@umbra/core'
import { translated } from '../sqlite-error.ts'
import { isOnItsWay, newestChange, newestPending } from './newest-change.ts'
import type { ChangeKey } from './newest-change.ts'
import type { OutboxContext } from './outbox-context.ts'
import { leasedRow } from './outbox-lanes.ts'
import type {
  Lane,
  LaneBacklog,
  LaneLease,
  PendingBlob,
  QueuedOperation,
  QueuedVersion,
  UnseenChange,
} from './outbox-port.ts'
import { NONE, predictedEntry, storedBody, toLane, toQueued } from './outbox-rows.ts'
import type { MutationRow, OpRow } from './outbox-rows.ts'

export interface OutboxReads {
  waiting(lease: LaneLease, limit: number): readonly QueuedOperation[]
  undecidedVersions(lease: LaneLease, id: string): readonly QueuedVersion[]
  holds(lease: LaneLease): boolean
  pendingEntry(path: string, id: string): ManifestEntry | undefined
  pendingEntries(path: string): ReadonlyMap<string, ManifestEntry>
  pendingBlob(path: string): PendingBlob | undefined
  onItsWay(path: string, id: string): number | undefined
  decidedTo(path: string): number
  unseenChanges(path: string, after: number, id?: string): ReadonlyMap<string, UnseenChange> | undefined
  openBody(path: string, entry: ManifestEntry, range?: ByteRange): AsyncIterable<Uint8Array> | undefined
  backlog(): readonly LaneBacklog[]
}

/** Most bytes sent in one commit: on a line that breaks now and then, what was sent of a commit that failed is sent again. */
const GROUP_BYTES = 64 * 1024 ** 2

/** As many of the first operations as are sent together; at least one. */
function withinBytes(ops: OpRow[]): OpRow[] {
  let total = 0
  const end = ops.findIndex(({ bytes }, index) => {
    total += bytes
    return index > 0 && total > GROUP_BYTES
  })
  return end === -1 ? ops : ops.slice(0, end)
}

/** What was in place before is told by what the store has after a commit, so nothing in that may change it once more. */
function untilChangedAgain(operations: readonly QueuedOperation[]): readonly QueuedOperation[] {
  const resent = new Set<string>()
  const end = operations.findIndex((operation) => {
    const ids = operation.mutations.map(mutationId)
    if (ids.some((id) => resent.has(id))) return true
    if (operation.resent) for (const id of ids) resent.add(id)
    return false
  })
  return end === -1 ? operations : operations.slice(0, end)
}

/** Of what is pending of a record. */
function contentsOf(change: UnseenChange | undefined): readonly string[] {
  return change?.pending === true ? [...change.over, change.entry.sha256] : []
}

/** What the outbox answers without changing anything. */
export function createOutboxReads(context: OutboxContext): OutboxReads {
  const { statements, bodies } = context
  const laneOf = (path: string) => statements.findLane.get({ path })

  function waiting({ lanePk, lane }: LaneLease, limit: number): readonly QueuedOperation[] {
    const ops = withinBytes(statements.waitingOps.all({ lane: lanePk, limit }))
    const barrier = ops.findIndex((op, index) => op.barrier && index > 0)
    if (barrier > 0) ops.splice(barrier)
    const rows = new Map<number, MutationRow[]>(ops.map(({ pk }) => [pk, []]))
    const lastN = ops.at(-1)?.n ?? 0
    for (const { mutation } of statements.waitingMutations.all({ lane: lanePk, lastN }))
      rows.get(mutation.op)?.push(mutation)
    return untilChangedAgain(ops.map((op) => toQueued(op, rows.get(op.pk) ?? [], { lane, bodies })))
  }

  function undecidedVersions({ lanePk, lane }: LaneLease, id: string): QueuedVersion[] {
    return statements.undecidedOf.all({ lane: lanePk, id }).map(({ mutation, op: { n, resent, opId } }) => ({
      n,
      resent,
      isCreation: mutation.expect === NONE,
      entry: predictedEntry(mutation, opId, lane),
    }))
  }

  function pendingEntry(path: string, id: string): ManifestEntry | undefined {
    const row = laneOf(path)
    const newest = row && newestPending(statements, { lane: row.pk, id })
    return newest && predictedEntry(newest.mutation, newest.op.opId, toLane(row))
  }

  function pendingEntries(path: string): Map<string, ManifestEntry> {
    const row = laneOf(path)
    const entries = new Map<string, ManifestEntry>()
    if (row === undefined) return entries
    const lane: Lane = toLane(row)
    for (const { mutation, opId } of statements.allPending.all({ lane: row.pk }))
      entries.set(mutation.id, predictedEntry(mutation, opId, lane))
    return entries
  }

  function pendingBlob(path: string): PendingBlob | undefined {
    const row = laneOf(path)
    const newest = row && newestPending(statements, { lane: row.pk, id: path })?.mutation
    if (newest === undefined) return undefined
    if (newest.kind === 'delete') return { blob: undefined }
    return { blob: { bytes: bodies.whole(storedBody(newest)), etag: newest.etag } }
  }

  function onItsWay(path: string, id: string): number | undefined {
    const row = laneOf(path)
    const newest = row && newestChange(statements, { lane: row.pk, id })
    return newest !== undefined && isOnItsWay(context, newest.op) ? newest.op.pk : undefined
  }

  function decidedTo(path: string): number {
    const row = laneOf(path)
    if (row === undefined) return 0
    // After the row: what is queued and decided in between is left out, never too much taken in.
    const oldest = statements.oldestWaiting.get({ pk: row.pk })?.n
    return Math.min(row.lastN, (oldest ?? Infinity) - 1)
  }

  function unseenOf(key: ChangeKey, after: number) {
    const newest = newestChange(statements, key)
    // Many may be kept, and mostly none of them is asked for.
    if (newest === undefined || (newest.op.state === 'committed' && newest.op.n <= after)) return []
    return statements.unseenOf.all({ ...key, after })
  }

  function unseenChanges(path: string, after: number, id: string | undefined) {
    const row = laneOf(path)
    const changes = new Map<string, UnseenChange>()
    if (row === undefined) return changes
    const found =
      id === undefined
        ? statements.allUnseen.all({ lane: row.pk, after })
        : unseenOf({ lane: row.pk, id }, after)
    // After the changes: what is removed in between is missed otherwise.
    if ((statements.getLane.get({ pk: row.pk })?.evictedN ?? 0) > after) return undefined
    const lane = toLane(row)
    for (const { mutation, opId, state } of found) {
      const pending = state === 'pending'
      const over = pending && !mutation.certain ? contentsOf(changes.get(mutation.id)) : []
      changes.set(mutation.id, { entry: predictedEntry(mutation, opId, lane), pending, over })
    }
    return changes
  }

  function openBody(path: string, entry: ManifestEntry, range?: ByteRange) {
    const row = laneOf(path)
    const { id, sha256 } = entry
    const found = row && statements.withBody.get({ lane: row.pk, id, sha256 })?.mutation
    return found && bodies.stream(storedBody(found), range)
  }

  return {
    waiting: (lease, limit) => translated(() => waiting(lease, limit)),
    undecidedVersions: (lease, id) => translated(() => undecidedVersions(lease, id)),
    holds: (lease) => translated(() => leasedRow(context, lease) !== undefined),
    pendingEntry: (path, id) => translated(() => pendingEntry(path, id)),
    pendingEntries: (path) => translated(() => pendingEntries(path)),
    pendingBlob: (path) => translated(() => pendingBlob(path)),
    onItsWay: (path, id) => translated(() => onItsWay(path, id)),
    decidedTo: (path) => translated(() => decidedTo(path)),
    unseenChanges: (path, after, id) => translated(() => unseenChanges(path, after, id)),
    openBody: (path, entry, range) => translated(() => openBody(path, entry, range)),
    backlog: () =>
      translated(() => statements.backlog.all()).map((row) => ({
        lane: toLane(row),
        count: row.count,
        oldestAt: row.oldestAt ?? 0,
      })),
  }
}
