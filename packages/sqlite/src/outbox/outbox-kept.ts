import type { OutboxContext } from './outbox-context.ts'

/** Most committed operations that one transaction removes: more than one adds, so that what is kept stays bounded. */
const MOST_AT_A_TIME = 2_000
const BATCH = 64

/** Removes an operation, with its bodies. Runs inside a transaction. */
export function removeOperation({ statements }: OutboxContext, pk: number): void {
  statements.removeBodies.run({ op: pk })
  statements.removeOp.run({ pk })
}

/**
 * Removes the versions of a record that committed operations hold. The operations stay, with what else they are about: the
 * store knows them by number and id, and what is sent again must be what it counted. Runs inside a transaction.
 */
export function forgetRecord({ statements }: OutboxContext, path: string, id: string): void {
  const lane = statements.findLane.get({ path })?.pk
  if (lane === undefined) return
  statements.removeBodiesOfVersions.run({ lane, id })
  statements.removeVersions.run({ lane, id })
}

/**
 * Removes committed operations, oldest first, that are past their time or their limit. `room`: the bytes they may take at
 * most, besides their own limit. Runs inside a transaction.
 */
export function evictKept(context: OutboxContext, room = Infinity): void {
  const { statements, limits, clock } = context
  const most = Math.min(limits.keepBytes, Math.max(room, 0))
  const expired = clock.now() - limits.keepMs
  let kept = statements.findState.get()?.keptBytes ?? 0
  if (kept <= most && statements.expiredKept.get({ before: expired }) === undefined) return
  for (let removed = 0; removed < MOST_AT_A_TIME; removed += BATCH) {
    const oldest = statements.oldestKept.all({ limit: BATCH })
    for (const { pk, lane, n, bytes, decidedAt } of oldest) {
      if (kept <= most && (decidedAt ?? 0) >= expired) return
      removeOperation(context, pk)
      statements.setEvictedN.run({ pk: lane, n })
      statements.addBytes.run({ bytes: 0, keptBytes: -bytes })
      kept -= bytes
    }
    if (oldest.length < BATCH) return
  }
}
