import { isUmbraError, UmbraError } from '@umbra/core'
import type { DecidedOperation, LaneLease, QueuedOperation } from '@umbra/sqlite'
import { classifyFailure } from './classify-failure.ts'
import { whileKeeping } from './keep-lease.ts'
import type { LaneState } from './lane-state.ts'
import { sendBlob } from './send-blob.ts'
import type { SendContext } from './send-context.ts'
import { sendRecords } from './send-records.ts'
import type { Sent } from './send-records.ts'

/** Most operations sent in one commit. */
const GROUP_SIZE = 1_000

/** How often a lane may get a new name, or be set back, in one run: more means that something else is wrong. */
const MAX_RENAMES = 3

export interface SenderHooks {
  /** Outcomes that are recorded: whoever waits can be told. */
  decided(state: LaneState, decided: readonly DecidedOperation[]): Promise<void>
}

export type RunEnd =
  | { readonly kind: 'empty' | 'lost' }
  /** Nothing more can be sent now. */
  | { readonly kind: 'failed'; readonly error: unknown }

/**
 * Sends everything that is in a lane, oldest first, until it is empty, the store stands in the way, or it is to stop.
 *
 * @throws what the file fails at.
 */
export async function sendLane(
  context: SendContext,
  state: LaneState,
  run: {
    readonly lease: LaneLease
    readonly hooks: SenderHooks
    /** Whether what is left must wait for another process, or for this one to start again. */
    readonly isStopping: () => boolean
  },
): Promise<RunEnd> {
  let lease: LaneLease | undefined = run.lease
  let renames = 0
  // Also by whoever had the lease in between.
  state.attempted = true
  while (lease !== undefined) {
    if (run.isStopping()) {
      await context.outbox.release(lease)
      return { kind: 'lost' }
    }
    const operations = context.outbox.waiting(lease, GROUP_SIZE)
    // Read under a lost lease, they may be more than the new holder has seen: it would take them for somebody else's.
    if (!context.outbox.holds(lease)) return { kind: 'lost' }
    if (operations.length === 0) {
      await context.outbox.release(lease)
      return { kind: 'empty' }
    }
    const step = await sendGroup(context, state, { lease, operations, hooks: run.hooks })
    if (step.kind === 'failed' || step.kind === 'empty') return step
    if (step.kind === 'renamed' && ++renames > MAX_RENAMES) return { kind: 'failed', error: step.error }
    lease = step.lease
  }
  return { kind: 'lost' }
}

interface GroupRequest {
  readonly lease: LaneLease
  readonly operations: readonly QueuedOperation[]
  readonly hooks: SenderHooks
}

type Step =
  | { readonly kind: 'sent'; readonly lease: LaneLease | undefined }
  | { readonly kind: 'renamed'; readonly lease: LaneLease | undefined; readonly error: unknown }
  | { readonly kind: 'empty' }
  | { readonly kind: 'failed'; readonly error: unknown }

function sendGroup(context: SendContext, state: LaneState, request: GroupRequest): Promise<Step> {
  // Not of what fails while it is recorded: that is the file, and no failure to send.
  return send(context, state, request).then(
    (sent) => record(context, state, { ...request, sent }),
    (error: unknown) => recover(context, state, { ...request, error }),
  )
}

function send(context: SendContext, state: LaneState, request: GroupRequest): Promise<Sent | undefined> {
  return whileKeeping(context, request.lease, () => sendNow(context, state, request))
}

async function sendNow(
  context: SendContext,
  state: LaneState,
  { lease, operations }: GroupRequest,
): Promise<Sent | undefined> {
  const { namespace } = lease.lane
  if (namespace !== undefined) {
    const sent = await sendRecords(context, { namespace, lease, operations, attempted: state.attempted })
    state.attempted = false
    return sent
  }
  const [operation] = operations
  if (operation?.blob === undefined) throw new UmbraError('CORRUPT', 'a blob in the outbox has no content')
  const decision = await sendBlob(context, lease, { ...operation, blob: operation.blob })
  return decision && { decided: [{ operation, decision }], mark: undefined }
}

async function record(
  { outbox, alerts }: SendContext,
  state: LaneState,
  { lease, sent, hooks }: GroupRequest & { readonly sent: Sent | undefined },
): Promise<Step> {
  if (sent === undefined) return { kind: 'sent', lease: undefined }
  const result = await outbox.decide(lease, sent.decided, sent.mark)
  if (!result.recorded) return { kind: 'sent', lease: undefined }
  state.failures = 0
  state.losses = 0
  state.retryAt = 0
  state.paused = undefined
  await hooks.decided(state, sent.decided)
  alerts.end('file')
  alerts.end(state)
  return result.lease === undefined ? { kind: 'empty' } : { kind: 'sent', lease: result.lease }
}

async function recover(
  context: SendContext,
  state: LaneState,
  request: GroupRequest & { readonly error: unknown },
): Promise<Step> {
  const { lease, error } = request
  state.attempted = true
  switch (classifyFailure(error)) {
    case 'rename': {
      const renamed = await context.outbox.renameWriter(lease)
      // Under the new name nothing was ever sent.
      state.attempted = renamed === undefined
      return { kind: 'renamed', lease: renamed, error }
    }
    case 'regressed': {
      const mark = markOf(error)
      if (mark === undefined) return { kind: 'failed', error }
      return { kind: 'renamed', lease: await context.outbox.resendAfter(lease, mark), error }
    }
    case 'poison':
      return isolate(context, state, request)
    case 'lost':
      return { kind: 'sent', lease: undefined }
    default:
      return { kind: 'failed', error }
  }
}

/**
 * One of the operations can never be stored, and the failure does not say which: the ones before it are sent in ever
 * smaller groups, until it stands alone.
 */
async function isolate(
  context: SendContext,
  state: LaneState,
  request: GroupRequest & { readonly error: unknown },
): Promise<Step> {
  const { lease, operations, error, hooks } = request
  const [first] = operations
  if (first === undefined || !isUmbraError(error)) return { kind: 'failed', error }
  if (operations.length === 1) {
    const decided = [{ operation: first, decision: { kind: 'dead', error } as const }]
    return record(context, state, { ...request, sent: { decided, mark: undefined } })
  }
  // An earlier call may have sent more than half, and then fewer look like somebody else's count: take more again.
  for (let length = Math.floor(operations.length / 2); length < operations.length; length++) {
    const group = { lease, operations: operations.slice(0, length), hooks }
    const attempt = await tryGroup(context, state, group)
    if (attempt.kind !== 'miscounted') return attempt
  }
  return { kind: 'failed', error }
}

function tryGroup(
  context: SendContext,
  state: LaneState,
  request: GroupRequest,
): Promise<Step | { readonly kind: 'miscounted' }> {
  return send(context, state, request).then(
    (sent) => record(context, state, { ...request, sent }),
    async (error: unknown) =>
      classifyFailure(error) === 'rename'
        ? { kind: 'miscounted' }
        : recover(context, state, { ...request, error }),
  )
}

/** Up to where the store remembers this writer, as `head-regressed` says. */
function markOf(error: unknown): { readonly n: number; readonly h: string } | undefined {
  const mark: unknown = isUmbraError(error) ? error.details['mark'] : undefined
  if (typeof mark !== 'object' || mark === null || !('n' in mark) || !('h' in mark)) return undefined
  return typeof mark.n === 'number' && typeof mark.h === 'string' ? { n: mark.n, h: mark.h } : undefined
}
