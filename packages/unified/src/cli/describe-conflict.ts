import { mutationId } from '@umbra/core'
import type { ErrorCode, Mutation } from '@umbra/core'
import type { ListedOperation } from '@umbra/sqlite'

export type RefusedChange = 'create' | 'update' | 'delete' | 'put blob' | 'delete blob'

/** A refused write, for a person who has to decide about it. */
export interface DescribedConflict {
  /** What `umbra conflicts retry` and `discard` take. */
  readonly id: string
  /** `conflict`: the store holds another version. `dead`: it can never take this one as it is. */
  readonly kind: ListedOperation['kind']
  /** Null for a blob. */
  readonly module: string | null
  readonly userId: string | null
  /** What it was to do with each record, or with the blob of this key; they are all of one write. */
  readonly changes: readonly { readonly id: string; readonly operation: RefusedChange }[]
  readonly reason: { readonly code: ErrorCode; readonly message: string }
  /** ISO 8601, UTC. */
  readonly queuedAt: string
  readonly refusedAt: string
}

export function describeConflict(listed: ListedOperation): DescribedConflict {
  const { id, kind, lane, operation, error, decidedAt } = listed
  const blobChange = operation.blobEtag === '' ? 'delete blob' : 'put blob'
  return {
    id,
    kind,
    module: lane.namespace?.module ?? null,
    userId: lane.namespace?.userId ?? null,
    changes:
      lane.namespace === undefined
        ? [{ id: lane.path, operation: blobChange }]
        : operation.mutations.map((mutation) => ({
            id: mutationId(mutation),
            operation: changeOf(mutation),
          })),
    reason: { code: error.code, message: error.message },
    queuedAt: new Date(operation.createdAt).toISOString(),
    refusedAt: new Date(decidedAt).toISOString(),
  }
}

function changeOf({ kind, expect }: Mutation): RefusedChange {
  if (kind === 'delete') return 'delete'
  return expect.kind === 'etag' ? 'update' : 'create'
}
