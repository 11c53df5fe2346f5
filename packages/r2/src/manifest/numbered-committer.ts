import { isUmbraError, UmbraError } from '@umbra/core'
import type {
  CommitPlan,
  Namespace,
  NumberedOperation,
  NumberedOutcome,
  NumberedRequest,
  NumberedResult,
  OperationOutcome,
  UploadedRevision,
} from '@umbra/core'
import { alwaysOutdated } from './always-outdated.ts'
import { decidedBefore } from './decided-before.ts'
import type { HeadCache } from './head-cache.ts'
import type { HeadWriter } from './head-writer.ts'
import type { PublishOutcome, PublishRequest } from './publish-head.ts'
import type { Snapshot } from './snapshot.ts'
import { MAX_UPLOAD_ROUNDS } from './upload-revision.ts'

type Uploads = readonly (UploadedRevision | undefined)[]

export interface NumberedCommitterParts {
  readonly namespace: Namespace
  readonly cache: HeadCache
  readonly heads: HeadWriter
  /** Stores the bodies of an operation, those at `places` again, or all of them for the first time. */
  upload(
    operation: NumberedOperation,
    snapshot: Snapshot | undefined,
    again?: { readonly uploads: Uploads; readonly places: ReadonlyMap<number, number> },
  ): Promise<Uploads>
}

/**
 * Commits the operations of a writer that counts for itself. It keeps nothing between calls: what was decided, by this or
 * an earlier call whose answer was lost, is read from the head's watermark.
 */
export async function commitNumbered(
  parts: NumberedCommitterParts,
  request: NumberedRequest,
): Promise<NumberedResult> {
  const { cache, heads } = parts
  const uploads = new Map<number, Uploads>()
  const rounds = new Map<number, number>()
  let snapshot = cache.known ?? (await cache.refresh())
  let hasTurn = false
  for (;;) {
    const decided = await decidedAsOf(snapshot, cache, request)
    if (decided === undefined) {
      snapshot = cache.known
      continue
    }
    const open = request.operations.slice(decided.outcomes.length)
    // The next commit forgets which of these were rejected: the writer writes them down first.
    if (open.length === 0 || decided.outcomes.length > 0) return decided
    await uploadMissing(parts, { open, uploads, snapshot })
    const operations = open.map((one) => ({ ...one, uploads: uploads.get(one.n) ?? [] }))
    const planned = await heads.plan(snapshot, { operations, writer: request.writer })
    const again = await uploadAgain(parts, planned?.plan, { open, uploads, snapshot })
    if (again.length > 0) {
      for (const n of again) rounds.set(n, (rounds.get(n) ?? 0) + 1)
      if (Math.max(...rounds.values()) === MAX_UPLOAD_ROUNDS) throw alwaysOutdated()
      continue
    }
    if (planned?.plan.next === undefined) {
      const current = await cache.refresh()
      if (planned !== undefined && current?.version.etag === snapshot?.version.etag)
        return { outcomes: planned.plan.outcomes.map(toNumbered), mark: decided.mark }
      snapshot = current
      continue
    }
    if (!hasTurn) {
      hasTurn = true
      // What was planned before is over a version that others may have replaced, and says that it was written then.
      if (await heads.waitForTurn(request.writer)) {
        snapshot = cache.known
        continue
      }
    }
    const attempt = await heads.toRequest(planned, planned.plan.next, request.writer)
    if (request.mayCommit?.() === false) throw superseded(request.writer)
    const outcome = await heads.publish(attempt)
    hasTurn = false
    snapshot = cache.known
    if (isOurs(attempt, outcome)) return landed(planned.plan, attempt)
    if (outcome.kind === 'unknown') throw outcomePending(parts.namespace, outcome.cause)
    // Whatever version it is now, its watermark says what became of the operations.
  }
}

/**
 * What the version says of the operations. Undefined when it contradicts the writer and is not the newest one: another
 * process under the same name may have counted since it was read. Only the newest version convicts anybody.
 */
async function decidedAsOf(
  snapshot: Snapshot | undefined,
  cache: HeadCache,
  request: NumberedRequest,
): Promise<NumberedResult | undefined> {
  try {
    return decidedBefore(snapshot?.version.head.header, request)
  } catch (error) {
    const current = await cache.refresh()
    if (current?.version.etag === snapshot?.version.etag) throw error
    return undefined
  }
}

interface UploadWork {
  readonly open: readonly NumberedOperation[]
  readonly uploads: Map<number, Uploads>
  readonly snapshot: Snapshot | undefined
}

async function uploadMissing(parts: NumberedCommitterParts, work: UploadWork): Promise<void> {
  const missing = work.open.filter(({ n }) => !work.uploads.has(n))
  const uploading = missing.map(async (operation) => {
    work.uploads.set(operation.n, await parts.upload(operation, work.snapshot))
  })
  // Waits for all of them: the caller frees the bodies as soon as this rejects.
  const failed = (await Promise.allSettled(uploading)).find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
}

/** An operation that cannot be counted as it is must not be passed over by the ones after it. Resolves to their numbers. */
async function uploadAgain(
  parts: NumberedCommitterParts,
  plan: CommitPlan | undefined,
  work: UploadWork,
): Promise<readonly number[]> {
  const numbers: number[] = []
  for (const [index, outcome] of (plan?.outcomes ?? []).entries()) {
    const operation = work.open[index]
    if (outcome.kind !== 'outdated' || operation === undefined) continue
    const places = new Map(outcome.places.map((place) => [place.index, place.rev]))
    const before = work.uploads.get(operation.n) ?? []
    const again = await parts.upload(operation, work.snapshot, { uploads: before, places })
    work.uploads.set(operation.n, again)
    numbers.push(operation.n)
  }
  return numbers
}

/** Whether exactly this body landed: an earlier call's may have the same watermark and other object keys. */
function isOurs(attempt: PublishRequest, outcome: PublishOutcome): boolean {
  if (outcome.kind !== 'landed') return false
  return outcome.version.head.header.commit === attempt.next.header.commit
}

function landed(plan: CommitPlan, attempt: PublishRequest): NumberedResult {
  const watermark = attempt.next.header.w[attempt.writer]
  return {
    outcomes: plan.outcomes.map(toNumbered),
    mark: watermark && { n: watermark.n, h: watermark.h },
  }
}

function toNumbered(outcome: OperationOutcome): NumberedOutcome {
  if (outcome.kind === 'applied') return { kind: 'committed', entries: outcome.entries }
  if (outcome.kind === 'rejected') return outcome
  throw new UmbraError('INTERNAL', 'an operation was passed over')
}

/**
 * A rejection of everything is not counted in the head, so nothing there would keep a call that has been overtaken from
 * applying it later. Whoever took over reads the head after that; this call's base was read before: either both have the
 * same one, and find the same, or this call's write fails, and it asks again.
 */
function superseded(writer: string): UmbraError {
  return new UmbraError('CONFLICT', `somebody else sends for this writer now. writer=${writer}`, {
    details: { reason: 'writer-superseded', writer },
  })
}

function outcomePending(namespace: Namespace, cause: unknown): UmbraError {
  const message = isUmbraError(cause) ? cause.message : 'no answer'
  return new UmbraError(
    'OUTCOME_PENDING',
    `the store did not say whether the operations were applied (${message}); call again with the same ones`,
    { cause, details: { ...namespace } },
  )
}
