import { mutationId, planCommit, UmbraError } from '@umbra/core'
import type { BaseVersion, CommitPlan, Namespace } from '@umbra/core'
import type { CommitWindow } from './commit-window.ts'
import type { HeadCache } from './head-cache.ts'
import type { ManifestContext } from './manifest-context.ts'
import type { PendingOperation } from './pending-operation.ts'
import { publishHead, settle } from './publish-head.ts'
import type { PublishOutcome, PublishRequest } from './publish-head.ts'

/** Most operations in one version of the head. */
const MAX_GROUP_SIZE = 1_000

/**
 * The one committer of a namespace in this process: operations queue here and share commits. Each becomes applied,
 * rejected against a version proved current, or is reported as `OUTCOME_PENDING`.
 */
export class NamespaceCommitter {
  readonly #namespace: Namespace
  readonly #cache: HeadCache
  readonly #window: CommitWindow
  readonly #context: ManifestContext
  /** Fresh per committer, so its watermark counts nobody else's operations. */
  readonly #writer: string
  readonly #queue: PendingOperation[] = []
  #pumping = false
  #lastWriteAt = Number.NEGATIVE_INFINITY
  #unsettled: PublishRequest | undefined

  constructor(
    namespace: Namespace,
    parts: { cache: HeadCache; window: CommitWindow; context: ManifestContext },
  ) {
    this.#namespace = namespace
    this.#cache = parts.cache
    this.#window = parts.window
    this.#context = parts.context
    this.#writer = parts.context.ids.next(parts.context.clock.now())
  }

  enqueue(operation: PendingOperation): void {
    this.#queue.push(operation)
    if (!this.#pumping) void this.#pump()
  }

  /** Never rejects: every failure is somebody's answer. */
  async #pump(): Promise<void> {
    this.#pumping = true
    while (this.#queue.length > 0) {
      await this.#window.close()
      await this.#waitForInterval()
      const group = this.#queue.splice(0, MAX_GROUP_SIZE)
      try {
        await this.#commit(group)
      } catch (error) {
        // Nothing of the group was applied: every path that could have is answered inside.
        for (const operation of group) operation.reject(error)
      }
    }
    this.#pumping = false
  }

  async #commit(group: readonly PendingOperation[]): Promise<void> {
    await this.#settleEarlier()
    let base = this.#cache.known ?? (await this.#cache.refresh())
    for (;;) {
      const plan = this.#plan(base, group)
      if (plan.next === undefined) {
        const current = await this.#cache.refresh()
        if (current?.etag === base?.etag) return answer(group, plan)
        base = current
        continue
      }
      const request = { namespace: this.#namespace, base, next: plan.next, writer: this.#writer }
      const outcome = await this.#publish(request)
      if (outcome.kind === 'unknown') return this.#leaveUnsettled(group, request, outcome.cause)
      this.#cache.advance(outcome.version)
      if (outcome.kind === 'landed') return answer(group, plan)
      base = outcome.version
      await this.#waitForInterval()
    }
  }

  #plan(base: BaseVersion | undefined, group: readonly PendingOperation[]): CommitPlan {
    const now = this.#context.clock.now()
    return planCommit(base, group, {
      namespace: this.#namespace,
      writer: this.#writer,
      at: new Date(now).toISOString(),
      commit: this.#context.ids.next(now),
    })
  }

  #publish(request: PublishRequest): Promise<PublishOutcome> {
    this.#lastWriteAt = this.#context.clock.now()
    return publishHead(request, this.#context)
  }

  #leaveUnsettled(group: readonly PendingOperation[], request: PublishRequest, cause: unknown): void {
    this.#unsettled = request
    for (const operation of group) operation.reject(outcomePending(operation, cause))
  }

  /** A version that may still land must be decided before another is planned, or both could count one number. */
  async #settleEarlier(): Promise<void> {
    if (this.#unsettled === undefined) return
    const outcome = (await settle(this.#unsettled, this.#context)) ?? (await this.#publish(this.#unsettled))
    if (outcome.kind === 'unknown') throw stillUnsettled(outcome.cause)
    this.#unsettled = undefined
    this.#cache.advance(outcome.version)
  }

  async #waitForInterval(): Promise<void> {
    const { clock, headIntervalMs } = this.#context
    // At most the interval, should the clock have been set back.
    const waitMs = Math.min(headIntervalMs, this.#lastWriteAt + headIntervalMs - clock.now())
    if (waitMs > 0) await clock.sleep(waitMs)
  }
}

function answer(group: readonly PendingOperation[], plan: CommitPlan): void {
  for (const [index, operation] of group.entries()) {
    const outcome = plan.outcomes[index]
    if (outcome === undefined)
      operation.reject(new UmbraError('INTERNAL', 'an operation was left out of its plan'))
    else operation.resolve(outcome)
  }
}

function outcomePending({ mutations }: PendingOperation, cause: unknown): UmbraError {
  return new UmbraError(
    'OUTCOME_PENDING',
    'the store did not say whether the write was applied; repeat a creation with the same ids (see details): ALREADY_EXISTS then means that it was; read a record before you repeat its update',
    { cause, details: { ids: mutations.map(mutationId) } },
  )
}

function stillUnsettled(cause: unknown): UmbraError {
  return new UmbraError(
    'UNAVAILABLE',
    'an earlier write of this namespace is not settled yet; try again later',
    {
      cause,
      details: { outcome: 'not-applied' },
    },
  )
}
