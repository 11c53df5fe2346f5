import {
  checkExpectation,
  committedEntry,
  mutationId,
  nextRevision,
  revisionKey,
  tombstone,
  UmbraError,
} from '@umbra/core'
import type { Clock, IdSource, ManifestEntry, Mutation, Namespace } from '@umbra/core'
import type { BodyStore, PreparedBody } from './body-store.ts'
import { setBases } from './sqlite-base-versions.ts'
import { toEntry, toRow } from './record-row.ts'
import type { RecordStatements } from './record-statements.ts'

/** A mutation whose body, if it has one, is ready to be committed. */
export interface PreparedMutation {
  readonly mutation: Mutation
  readonly body: PreparedBody | undefined
}

export interface ApplyContext {
  readonly statements: RecordStatements
  readonly bodies: BodyStore
  readonly clock: Clock
  readonly ids: IdSource
}

interface CurrentRecord {
  readonly pk: number
  readonly entry: ManifestEntry
  readonly body: number | null
}

/**
 * Checks every expectation, then applies all mutations, each to what the ones before it have left. Runs inside a transaction that a throw
 * undoes.
 */
export function applyMutations(
  context: ApplyContext,
  namespace: Namespace,
  mutations: readonly PreparedMutation[],
): ManifestEntry[] {
  const { statements } = context
  const namespaceKey = namespacePk(statements, namespace)
  const currents = new Map<string, CurrentRecord>()
  for (const [index, { mutation }] of mutations.entries()) {
    const id = mutationId(mutation)
    const row = statements.findRecord.get({ namespace: namespaceKey, id })
    const current = row && { pk: row.pk, entry: toEntry(row, namespace), body: row.body }
    const problem = checkExpectation(mutation, current?.entry, index)
    if (problem !== undefined) throw problem
    if (current !== undefined) currents.set(id, current)
  }
  return mutations.map((prepared) => {
    const current = currents.get(mutationId(prepared.mutation))
    const entry = nextEntry(context, prepared, current)
    const body = prepared.body === undefined ? null : context.bodies.attach(prepared.body)
    const { lastInsertRowid } = statements.putRecord.run({ namespace: namespaceKey, ...toRow(entry), body })
    // A row that is replaced keeps its key; what SQLite tells then is the key of some row before.
    const pk = current?.pk ?? Number(lastInsertRowid)
    const made = prepared.mutation.bases?.(entry)
    if (made !== undefined) setBases(statements, pk, made)
    context.bodies.remove(current?.body ?? null)
    currents.set(entry.id, { pk, entry, body })
    return entry
  })
}

function nextEntry(
  { clock, ids }: ApplyContext,
  { mutation, body }: PreparedMutation,
  current: CurrentRecord | undefined,
): ManifestEntry {
  if (mutation.kind === 'put' && body !== undefined) {
    const rev = nextRevision(current?.entry, mutation.rev)
    const key = revisionKey(mutation.draft, rev, rev === 1 ? '' : ids.next(clock.now()))
    return committedEntry(mutation.draft, rev, { key, etag: body.etag })
  }
  if (mutation.kind === 'delete' && current !== undefined) return tombstone(mutation, current.entry)
  throw new UmbraError('INTERNAL', 'a mutation was applied to nothing')
}

function namespacePk(statements: RecordStatements, namespace: Namespace): number {
  const name = { module: namespace.module, userId: namespace.userId }
  const found = statements.findNamespace.get(name)
  return found?.pk ?? Number(statements.insertNamespace.run(name).lastInsertRowid)
}
