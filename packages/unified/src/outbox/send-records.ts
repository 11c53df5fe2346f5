import { checkExpectation, isMinted, mutationId, UmbraError } from '@umbra/core'
import type {
  ManifestEntry,
  Mutation,
  Namespace,
  NumberedOperation,
  NumberedOutcome,
  WriterMark,
} from '@umbra/core'
import type { DecidedOperation, Decision, LaneLease, QueuedOperation, QueuedVersion } from '@umbra/sqlite'
import { isInPlace, madeEntries } from './in-place.ts'
import type { Comparison } from './in-place.ts'
import type { SendContext } from './send-context.ts'

export interface Sent {
  readonly decided: readonly DecidedOperation[]
  readonly mark: WriterMark | undefined
}

interface Answer {
  readonly operation: QueuedOperation
  readonly outcome: NumberedOutcome
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
  const answers = outcomes.map((outcome, index): Answer => {
    const operation = operations[index]
    if (operation === undefined) throw new UmbraError('INTERNAL', 'the store decided what nobody asked for')
    return { operation, outcome }
  })
  const decidedTo = answers.at(-1)?.operation.n
  if (decidedTo === undefined) throw new UmbraError('INTERNAL', 'the store decided nothing')
  const comparison = await compare(context, { namespace, lease, decidedTo, operations: inDoubt(answers) })
  const decided = answers.map((answer) => ({
    operation: answer.operation,
    decision: toDecision(answer, comparison),
  }))
  // A version that knows of one operation has all before it.
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

/** Those of which the store has not said all that there is to know. */
function inDoubt(answers: readonly Answer[]): readonly QueuedOperation[] {
  return answers.flatMap(({ operation, outcome }) => {
    const isTold =
      outcome.kind === 'committed'
        ? outcome.entries !== undefined
        : outcome.error !== undefined && !operation.resent
    return isTold ? [] : [operation]
  })
}

async function compare(
  { primary, breaker, outbox }: SendContext,
  about: {
    readonly namespace: Namespace
    readonly lease: LaneLease
    /** The last operation the store has decided. */
    readonly decidedTo: number
    readonly operations: readonly QueuedOperation[]
  },
): Promise<Comparison> {
  const { namespace, lease, decidedTo, operations } = about
  const ids = new Set(operations.flatMap(({ mutations }) => mutations.map(mutationId)))
  const current = new Map<string, ManifestEntry>()
  await Promise.all(
    Array.from(ids, async (id) => {
      const stored = await breaker.run(() => primary.getEntry(namespace, id))
      if (stored !== undefined) current.set(id, stored.entry)
    }),
  )
  const mayBeThere = ({ n, resent }: QueuedVersion) => n <= decidedTo || resent
  const versions = new Map(
    Array.from(ids, (id) => [id, outbox.undecidedVersions(lease, id).filter(mayBeThere)]),
  )
  return { current, versionsOf: (id) => versions.get(id) ?? [] }
}

function toDecision({ operation, outcome }: Answer, comparison: Comparison): Decision {
  if (outcome.kind === 'committed')
    return { kind: 'committed', entries: outcome.entries ?? madeEntries(operation, comparison) }
  const error = outcome.error ?? explain(operation, comparison)
  if (operation.resent && isInPlace(operation, refusedId(operation, error), comparison))
    return { kind: 'committed', entries: madeEntries(operation, comparison) }
  return { kind: 'conflict', error }
}

function refusedId({ mutations: [first, ...others] }: QueuedOperation, { details }: UmbraError) {
  if (typeof details['id'] === 'string') return details['id']
  return first !== undefined && others.length === 0 ? mutationId(first) : undefined
}

/** An earlier attempt, whose answer was lost, had found the refusal: what the store holds now is the best reason there is. */
function explain(operation: QueuedOperation, { current }: Comparison): UmbraError {
  for (const [index, mutation] of toNumbered(operation).mutations.entries()) {
    const problem = checkExpectation(mutation, current.get(mutationId(mutation)), index)
    if (problem !== undefined) return problem
  }
  return new UmbraError(
    'PRECONDITION_FAILED',
    'somebody else had written first when this was tried; read the record and decide again',
  )
}
