import { answer, outcomePending, stillUnsettled } from './commit-answers.ts'
import type { CommitWindow } from './commit-window.ts'
import type { HeadCache } from './head-cache.ts'
import type { HeadWriter } from './head-writer.ts'
import type { ManifestContext } from './manifest-context.ts'
import type { PendingOperation } from './pending-operation.ts'
import { settle } from './publish-head.ts'
import type { PublishOutcome, PublishRequest } from './publish-head.ts'
import { WriterName } from './writer-name.ts'

interface CommitterParts {
  readonly cache: HeadCache
  readonly window: CommitWindow
  readonly heads: HeadWriter
  readonly context: ManifestContext
}

/**
 * The committer of a namespace in this process: operations queue here and share commits. Each becomes applied, rejected
 * against a version proved current, or is reported as `OUTCOME_PENDING`.
 */
export class NamespaceCommitter {
  readonly #cache: HeadCache
  readonly #window: CommitWindow
  readonly #heads: HeadWriter
  readonly #context: ManifestContext
  readonly #writer: WriterName
  readonly #queue: PendingOperation[] = []
  #pumping = false
  #unsettled: PublishRequest | undefined

  constructor({ cache, window, heads, context }: CommitterParts) {
    this.#cache = cache
    this.#window = window
    this.#heads = heads
    this.#context = context
    this.#writer = new WriterName(context)
  }

  enqueue(operation: PendingOperation): void {
    this.#queue.push(operation)
    if (!this.#pumping) void this.#pump()
  }

  /** Never rejects: every failure is somebody's answer. */
  async #pump(): Promise<void> {
    this.#pumping = true
    while (this.#queue.length > 0) {
      // The operations of before a failed wait are not lost: their group is told.
      const group: PendingOperation[] = []
      try {
        await this.#window.close()
        await this.#heads.waitForTurn(this.#writer.name)
        group.push(...this.#takeGroup())
        await this.#commit(group)
      } catch (error) {
        // Nothing of the group was applied: every path that could have is answered inside.
        if (group.length === 0) group.push(...this.#queue.splice(0))
        for (const operation of group) operation.reject(error)
      }
    }
    this.#pumping = false
  }

  /** A run becomes the newest part, which what is in the tail would hide: it is committed alone. */
  #takeGroup(): readonly PendingOperation[] {
    const firstAppend = this.#queue.findIndex(({ append }) => append !== undefined)
    const untilAppend = firstAppend === -1 ? this.#queue.length : Math.max(1, firstAppend)
    return this.#queue.splice(0, Math.min(untilAppend, this.#context.limits.groupSize))
  }

  async #commit(group: readonly PendingOperation[]): Promise<void> {
    await this.#settleEarlier()
    let snapshot = this.#cache.known ?? (await this.#cache.refresh())
    for (;;) {
      this.#writer.check(snapshot?.version.head)
      const writer = this.#writer.name
      // Each of them deletes what is older than its own.
      const floor = group
        .flatMap((operation) => operation.floor ?? [])
        .sort()
        .at(-1)
      const planned = await this.#heads.plan(snapshot, {
        operations: group,
        writer,
        ...(floor !== undefined && { floor }),
      })
      if (planned?.plan.next === undefined) {
        const current = await this.#cache.refresh()
        if (planned !== undefined && current?.version.etag === snapshot?.version.etag)
          return answer(group, planned.plan, this.#context)
        snapshot = current
        continue
      }
      const request = await this.#heads.toRequest(planned, planned.plan.next, writer)
      const outcome = await this.#heads.publish(request)
      if (outcome.kind === 'landed') {
        this.#writer.note(request.next)
        return answer(group, planned.plan, this.#context)
      }
      if (outcome.kind !== 'superseded') return this.#leaveOpen(group, request, outcome)
      await this.#heads.waitForTurn(writer)
      snapshot = this.#cache.known
    }
  }

  #leaveOpen(
    group: readonly PendingOperation[],
    request: PublishRequest,
    outcome: Extract<PublishOutcome, { kind: 'unknown' | 'undecidable' }>,
  ): void {
    if (outcome.kind === 'unknown') this.#unsettled = request
    else this.#writer.renew()
    const cause = outcome.kind === 'unknown' ? outcome.cause : undefined
    for (const operation of group) operation.reject(outcomePending(operation, cause))
  }

  /**
   * A version that may still land is decided before another is planned. Both would count on from one number, and should the
   * first have counted further, its watermark would not say that the second has not landed: it would be unknown too.
   */
  async #settleEarlier(): Promise<void> {
    const request = this.#unsettled
    if (request === undefined) return
    const settled = await settle(request, this.#context)
    const outcome = await (settled === undefined
      ? this.#heads.publish(request)
      : this.#heads.conclude(request, settled))
    if (outcome.kind === 'unknown') throw stillUnsettled(outcome.cause)
    this.#unsettled = undefined
    if (outcome.kind === 'landed') this.#writer.note(request.next)
    else if (outcome.kind === 'undecidable') this.#writer.renew()
  }
}
