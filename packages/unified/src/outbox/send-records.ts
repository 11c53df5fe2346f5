import { checkExpectation, mutationId, UmbraError } from '@umbra/core'
import type { ManifestEntry, Namespace, NumberedOperation, NumberedOutcome, WriterMark } from '@umbra/core'
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
      decision: await toDecision(context, outcome, { operation, operations, namespace }),
    })
  }
  // A version that knows of one operation has all before it.
  const decidedTo = decided.at(-1)?.operation.n ?? sighting.decidedTo
  lastSeen.note(path, { ...sighting, decidedTo })
  return { decided, mark }
}

/**
 * Under a new name a creation that had been applied, and whose record was deleted since, must not bring the record back: an
 * id that was minted for it may never have existed.
 */
function toNumbered({ n, opId, createdAt, mutations, resent }: QueuedOperation): NumberedOperation {
  const operation = { n, opId, queuedAt: createdAt, mutations }
  if (!resent) return operation
  const neverThere = { kind: 'older', rev: 1 } as const
  return {
    ...operation,
    mutations: mutations.map((mutation) =>
      isMinted(mutation) ? { ...mutation, expect: neverThere } : mutation,
    ),
  }
}

async function toDecision(
  context: SendContext,
  outcome: NumberedOutcome,
  about: {
    readonly operation: QueuedOperation
    readonly operations: readonly QueuedOperation[]
    readonly namespace: Namespace
  },
): Promise<Decision> {
  if (outcome.kind === 'committed') {
    const entries = outcome.entries ?? (await madeEarlier(context, about.namespace, about.operation))
    return { kind: 'committed', entries }
  }
  const error = outcome.error ?? (await explain(context, about.namespace, about.operation))
  if (isInPlace(about.operation, error, about.operations)) return { kind: 'committed', entries: undefined }
  return { kind: 'conflict', error }
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
