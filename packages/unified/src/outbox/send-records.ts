import { checkExpectation, mutationId, UmbraError } from '@umbra/core'
import type {
  ManifestEntry,
  Mutation,
  Namespace,
  NumberedOperation,
  NumberedOutcome,
  WriterMark,
} from '@umbra/core'
import type { DecidedOperation, Decision, LaneLease, QueuedOperation } from '@umbra/sqlite'
import { isInPlace, isMinted } from './in-place.ts'
import type { SendContext } from './send-context.ts'

export interface Sent {
  readonly decided: readonly DecidedOperation[]
  readonly mark: WriterMark | undefined
}

/** Commits the oldest operations of a namespace, and finds out what became of each. Changes nothing in the outbox. */
export async function sendRecords(
  context: SendContext,
  request: {
    readonly namespace: Namespace
    readonly lease: LaneLease
    readonly operations: readonly QueuedOperation[]
    readonly attempted: boolean
  },
): Promise<Sent> {
  const { namespace, lease, operations, attempted } = request
  const { lastSeen, primary } = context
  const { numbered } = primary
  if (numbered === undefined) throw new UmbraError('UNSUPPORTED', 'the store cannot number commits')
  const { path } = lease.lane
  const sighting = lastSeen.look(path)
  const { outcomes, mark } = await context.breaker.run(() =>
    numbered.commitNumbered(namespace, {
      writer: lease.writer,
      mark: lease.mark,
      operations: operations.map(toNumbered),
      ...(attempted && { attempted }),
      mayCommit: () => context.outbox.holds(lease),
    }),
  )
  const decided: DecidedOperation[] = []
  if (outcomes.length === 0) throw new UmbraError('INTERNAL', 'the store decided nothing')
  for (const [index, outcome] of outcomes.entries()) {
    const operation = operations[index]
    if (operation === undefined) throw new UmbraError('INTERNAL', 'the store decided what nobody asked for')
    decided.push({
      operation,
      decision: await toDecision(context, outcome, { operation, lease, namespace }),
    })
  }
  // A version that knows of one operation has all before it.
  const decidedTo = decided.at(-1)?.operation.n ?? sighting.decidedTo
  lastSeen.note(path, { ...sighting, decidedTo })
  return { decided, mark }
}

/**
 * Under a new name a creation that had been applied, and whose record was deleted since, must not bring the record back, as
 * far as its revision is known: the one that was deleted is at least as new.
 */
function toNumbered({ n, opId, createdAt, resent, ...queued }: QueuedOperation): NumberedOperation {
  const mutations = queued.mutations.map((mutation, index): Mutation => {
    const rev = queued.entries[index]?.rev
    if (!resent || rev === undefined || !(queued.certain || isMinted(mutation))) return mutation
    if (mutation.kind !== 'put' || mutation.expect.kind !== 'absent') return mutation
    return { ...mutation, expect: { kind: 'older', rev, isLive: false } }
  })
  return { n, opId, queuedAt: createdAt, mutations }
}

async function toDecision(
  context: SendContext,
  outcome: NumberedOutcome,
  about: {
    readonly operation: QueuedOperation
    readonly lease: LaneLease
    readonly namespace: Namespace
  },
): Promise<Decision> {
  const { operation, lease, namespace } = about
  if (outcome.kind === 'committed' && outcome.entries !== undefined) return outcome
  if (outcome.kind === 'rejected') {
    const error = outcome.error ?? (await explain(context, namespace, operation))
    const versionsOf = (id: string) => context.outbox.resentVersions(lease, id)
    if (!isInPlace(operation, error, versionsOf)) return { kind: 'conflict', error }
  }
  return { kind: 'committed', entries: await madeEarlier(context, namespace, operation) }
}

/**
 * What an earlier attempt, whose answer was lost, made of an operation, where that could not be foreseen: what is queued
 * over it must name it.
 */
async function madeEarlier(
  { primary, breaker }: SendContext,
  namespace: Namespace,
  { certain, entries }: QueuedOperation,
): Promise<readonly ManifestEntry[] | undefined> {
  if (certain) return undefined
  const current = await Promise.all(
    entries.map(({ id }) => breaker.run(() => primary.getEntry(namespace, id))),
  )
  return entries.map((foreseen, index) => {
    const entry = current[index]?.entry
    return entry?.sha256 === foreseen.sha256 ? entry : foreseen
  })
}

/** An earlier attempt, whose answer was lost, had found the refusal: what the store holds now is the best reason there is. */
async function explain(
  { primary, breaker }: SendContext,
  namespace: Namespace,
  { mutations }: QueuedOperation,
): Promise<UmbraError> {
  for (const [index, mutation] of mutations.entries()) {
    const id = mutationId(mutation)
    const current = await breaker.run(() => primary.getEntry(namespace, id)).catch(() => undefined)
    const problem = checkExpectation(mutation, current?.entry, index)
    if (problem !== undefined) return problem
  }
  return new UmbraError(
    'PRECONDITION_FAILED',
    'somebody else had written first when this was tried; read the record and decide again',
  )
}
