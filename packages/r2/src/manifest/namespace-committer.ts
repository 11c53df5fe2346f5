import { mutationId, planCommit } from '@umbra/core'
import type { CommitPlan, ManifestHead, Namespace, PartSwap } from '@umbra/core'
import { storeAnchor } from './anchor.ts'
import { answer, outcomePending, stillUnsettled } from './commit-answers.ts'
import type { CommitWindow } from './commit-window.ts'
import type { HeadCache } from './head-cache.ts'
import { HeadPacer } from './head-pacer.ts'
import type { Maintainer } from './maintainer.ts'
import type { ManifestContext } from './manifest-context.ts'
import { PartGone, partMissing } from './part-gone.ts'
import type { PendingOperation } from './pending-operation.ts'
import { publishHead, settle } from './publish-head.ts'
import type { PublishOutcome, PublishRequest } from './publish-head.ts'
import { isTailFull, sealTail } from './seal-tail.ts'
import type { Snapshot } from './snapshot.ts'
import { WriterName } from './writer-name.ts'

interface CommitterParts {
  readonly cache: HeadCache
  readonly window: CommitWindow
  readonly maintainer: Maintainer
  readonly context: ManifestContext
}

interface PlannedCommit {
  readonly snapshot: Snapshot | undefined
  readonly plan: CommitPlan
  readonly swap: PartSwap | undefined
}

/**
 * The one committer of a namespace in this process: operations queue here and share commits. Each becomes applied,
 * rejected against a version proved current, or is reported as `OUTCOME_PENDING`.
 */
export class NamespaceCommitter {
  readonly #namespace: Namespace
  readonly #parts: CommitterParts
  readonly #context: ManifestContext
  readonly #pacer: HeadPacer
  readonly #writer: WriterName
  readonly #queue: PendingOperation[] = []
  #pumping = false
  #anchored = false
  #unsettled: PublishRequest | undefined

  constructor(namespace: Namespace, parts: CommitterParts) {
    this.#namespace = namespace
    this.#parts = parts
    this.#context = parts.context
    this.#pacer = new HeadPacer(parts.context)
    this.#writer = new WriterName(parts.context)
  }

  enqueue(operation: PendingOperation): void {
    this.#queue.push(operation)
    if (!this.#pumping) void this.#pump()
  }

  /** Never rejects: every failure is somebody's answer. */
  async #pump(): Promise<void> {
    this.#pumping = true
    while (this.#queue.length > 0) {
      await this.#parts.window.close()
      await this.#waitForTurn()
      const group = this.#queue.splice(0, this.#context.limits.groupSize)
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
    const { cache, maintainer } = this.#parts
    await this.#settleEarlier()
    let snapshot = cache.known ?? (await cache.refresh())
    for (;;) {
      const planned = await this.#plan(snapshot, group)
      if (planned === undefined || planned.plan.next === undefined) {
        const current = await cache.refresh()
        if (planned !== undefined && current?.version.etag === snapshot?.version.etag)
          return answer(group, planned.plan)
        snapshot = current
        continue
      }
      const request = await this.#toRequest(planned.snapshot, planned.plan.next)
      const outcome = await publishHead(request, this.#context)
      if (outcome.kind === 'unknown') this.#unsettled = request
      if (outcome.kind === 'unknown' || outcome.kind === 'undecidable') return this.#leaveOpen(group, outcome)
      cache.advance(outcome.version)
      snapshot = cache.known
      if (outcome.kind === 'superseded') {
        await this.#waitForTurn()
        snapshot = cache.known
        continue
      }
      this.#writer.note(request.next)
      if (planned.swap !== undefined) maintainer.done(planned.swap)
      await this.#ensureAnchor(request.next)
      if (snapshot !== undefined) maintainer.consider(snapshot.version.head, this.#writer.name)
      return answer(group, planned.plan)
    }
  }

  /** Undefined when the snapshot is too old to plan on. */
  async #plan(
    snapshot: Snapshot | undefined,
    group: readonly PendingOperation[],
  ): Promise<PlannedCommit | undefined> {
    const now = this.#context.clock.now()
    const ids = group.flatMap(({ mutations }) => mutations.map(mutationId))
    try {
      const current = (await snapshot?.lookup(ids)) ?? new Map<string, never>()
      const base = snapshot && { ...snapshot.version, ...this.#parts.maintainer.apply(snapshot.version.head) }
      this.#writer.check(base?.head)
      const floor = group.flatMap((operation) => operation.floor ?? []).at(-1)
      const plan = planCommit(base, current, {
        operations: group,
        context: {
          namespace: this.#namespace,
          writer: this.#writer.name,
          at: new Date(now).toISOString(),
          commit: this.#context.ids.next(now),
          anchored: this.#anchored,
          ...(floor !== undefined && { floor }),
        },
      })
      return { snapshot, plan, swap: base?.swap }
    } catch (error) {
      if (!(error instanceof PartGone)) throw error
      await this.#assertOutdated(snapshot, error)
      return undefined
    }
  }

  /** A part may be gone because the snapshot is old; if it is the current one, the namespace is damaged. */
  async #assertOutdated(snapshot: Snapshot | undefined, error: PartGone): Promise<void> {
    const current = await this.#parts.cache.refresh()
    if (current?.version.etag === snapshot?.version.etag) throw partMissing(error)
  }

  /** An overfull tail moves to a segment first, so a head stays small whatever is stored at once. */
  async #toRequest(snapshot: Snapshot | undefined, planned: ManifestHead): Promise<PublishRequest> {
    const { rules, limits } = this.#context
    let next = planned
    if (isTailFull(planned, limits, limits.overfull)) {
      const swap = await sealTail(this.#namespace, planned, this.#context)
      next = rules.applySwap(planned, swap) ?? planned
    }
    return {
      namespace: this.#namespace,
      base: snapshot?.version,
      next,
      writer: this.#writer.name,
      pacer: this.#pacer,
    }
  }

  #leaveOpen(
    group: readonly PendingOperation[],
    outcome: Extract<PublishOutcome, { kind: 'unknown' | 'undecidable' }>,
  ): void {
    if (outcome.kind === 'undecidable') {
      this.#parts.cache.advance(outcome.version)
      this.#writer.renew()
    }
    const cause = outcome.kind === 'unknown' ? outcome.cause : undefined
    for (const operation of group) operation.reject(outcomePending(operation, cause))
  }

  /** A version that may still land must be decided before another is planned, or both could count one number. */
  async #settleEarlier(): Promise<void> {
    const request = this.#unsettled
    if (request === undefined) return
    const outcome = (await settle(request, this.#context)) ?? (await publishHead(request, this.#context))
    if (outcome.kind === 'unknown') throw stillUnsettled(outcome.cause)
    this.#unsettled = undefined
    this.#parts.cache.advance(outcome.version)
    if (outcome.kind === 'landed') {
      this.#writer.note(request.next)
      await this.#ensureAnchor(request.next)
    } else if (outcome.kind === 'undecidable') this.#writer.renew()
  }

  /** Before the first acknowledgement: from then on a head that is missing was lost. */
  async #ensureAnchor(head: ManifestHead): Promise<void> {
    if (this.#anchored || head.header.anchored) return
    try {
      await storeAnchor(this.#namespace, head, this.#context)
      this.#anchored = true
    } catch {
      // The commit stands all the same; the next one tries again.
    }
  }

  async #waitForTurn(): Promise<void> {
    for (;;) {
      const snapshot = this.#parts.cache.known
      const delayMs = this.#pacer.delayMs(snapshot, this.#writer.name)
      if (delayMs > 0) await this.#context.clock.sleep(delayMs)
      if (this.#pacer.turn(snapshot, this.#writer.name) === 0) return
      // Others come first: a look is twelve times cheaper than a write that loses.
      const current = await this.#parts.cache.refresh()
      if (current?.version.etag === snapshot?.version.etag) return
    }
  }
}
