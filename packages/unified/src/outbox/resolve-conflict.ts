import { mutationId, recordEtag, UmbraError } from '@umbra/core'
import type { Mutation, WriteConflict } from '@umbra/core'
import type { ListedOperation } from '@umbra/sqlite'
import type { SendContext } from './send-context.ts'

const NONE = '-'

const ADVICE = {
  conflict:
    'read the current version; then retry to put this one over it, or discard this one (resolveConflict)',
  dead: 'mend what the error names, then retry; or discard it (resolveConflict)',
}

export function toConflict(listed: ListedOperation): WriteConflict {
  const { id, kind, lane, operation, error } = listed
  return {
    id,
    kind,
    path: lane.path,
    recordIds: operation.mutations.map(mutationId),
    error,
    advice: ADVICE[kind],
    queuedAt: new Date(operation.createdAt).toISOString(),
    refusedAt: new Date(listed.decidedAt).toISOString(),
  }
}

export async function resolveConflict(
  context: SendContext,
  id: string,
  action: 'retry' | 'discard',
): Promise<void> {
  const { outbox } = context
  if (action === 'discard') return outbox.discard(id)
  const listed = outbox.findListed(id)
  if (listed === undefined) throw new UmbraError('NOT_FOUND', `there is no such conflict. id=${id}`)
  await outbox.retry(id, await currentVersions(context, listed))
}

/** What each change is to be put over now, pending or stored; undefined keeps what it names. */
async function currentVersions(
  { primary, breaker, outbox }: SendContext,
  { kind, lane, operation }: ListedOperation,
): Promise<(string | undefined)[]> {
  if (kind === 'dead') return []
  const { namespace, path } = lane
  if (namespace === undefined) {
    const pending = outbox.pendingBlob(path)
    const blob = pending === undefined ? await breaker.run(() => primary.blobs.get(path)) : pending.blob
    return [blob?.etag ?? NONE]
  }
  const current = async (mutation: Mutation) => {
    const id = mutationId(mutation)
    const pending = outbox.pendingEntry(path, id)
    if (pending !== undefined) return pending.op === 'put' ? pending : undefined
    return (await breaker.run(() => primary.getEntry(namespace, id)))?.entry
  }
  return Promise.all(
    operation.mutations.map(async (mutation) => {
      const found = await current(mutation)
      if (found !== undefined) return recordEtag(found)
      if (mutation.kind === 'put') return NONE
      throw new UmbraError('NOT_FOUND', `the record is gone already; discard the conflict. id=${mutation.id}`)
    }),
  )
}
