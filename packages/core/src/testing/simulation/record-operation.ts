import fc from 'fast-check'

/** What an application can ask of a store of records, in terms that mean something whatever happened before. */
export type RecordOperation<Maintenance extends string = never> =
  /** A new record; with an id that others use too, so that it may be taken. */
  | { readonly kind: 'create'; readonly id: string }
  /** Replaces the version this process has last read or written; with `any`, whatever version there is. */
  | { readonly kind: 'update'; readonly id: string; readonly over: 'read' | 'any' }
  | { readonly kind: 'delete'; readonly id: string }
  /** Creates several records, all or none. */
  | { readonly kind: 'batch'; readonly ids: readonly string[] }
  | { readonly kind: 'read'; readonly id: string }
  | { readonly kind: 'read-all' }
  /** Something the system does of its own accord, such as `collect`. */
  | { readonly kind: 'maintain'; readonly task: Maintenance }

export interface RecordOperationConstraints<Maintenance extends string> {
  /** The ids in use. Few ids make conflicts, which is what one wants. Default: a, b, c. */
  readonly ids?: readonly string[]
  readonly kinds?: readonly Exclude<RecordOperation['kind'], 'maintain'>[]
  /** Tasks of the system to mix in. Default: none. */
  readonly maintenance?: readonly Maintenance[]
}

const KINDS = ['create', 'update', 'delete', 'batch', 'read', 'read-all'] as const

/** Record operations, writes more often than reads; they shrink towards creating the first id. */
export function recordOperations<Maintenance extends string = never>({
  ids = ['a', 'b', 'c'],
  kinds = KINDS,
  maintenance = [],
}: RecordOperationConstraints<Maintenance> = {}): fc.Arbitrary<RecordOperation<Maintenance>> {
  const id = fc.constantFrom(...ids)
  const byKind = {
    create: fc.record({ kind: fc.constant('create' as const), id }),
    update: fc.record({
      kind: fc.constant('update' as const),
      id,
      over: fc.constantFrom('read' as const, 'any' as const),
    }),
    delete: fc.record({ kind: fc.constant('delete' as const), id }),
    batch: fc.record({
      kind: fc.constant('batch' as const),
      ids: fc.uniqueArray(id, { minLength: 2, maxLength: Math.max(2, ids.length) }),
    }),
    read: fc.record({ kind: fc.constant('read' as const), id }),
    'read-all': fc.constant({ kind: 'read-all' as const }),
  }
  const weights = { create: 4, update: 4, delete: 2, batch: 1, read: 2, 'read-all': 2 }
  const tasks = maintenance.map((task) => ({
    weight: 1,
    arbitrary: fc.constant({ kind: 'maintain' as const, task }),
  }))
  return fc.oneof(
    { withCrossShrink: true },
    ...kinds.map((kind) => ({ weight: weights[kind], arbitrary: byKind[kind] })),
    ...tasks,
  )
}
