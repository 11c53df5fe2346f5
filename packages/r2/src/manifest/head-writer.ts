import { mutationId, planCommit } from '@umbra/core'
import type { CommitPlan, ManifestEntry, ManifestHead, Namespace, PartSwap } from '@umbra/core'
import { storeAnchor } from './anchor.ts'
import type { HeadCache } from './head-cache.ts'
import { HeadPacer } from './head-pacer.ts'
import { lookupMany } from './lookup-many.ts'
import type { Maintainer } from './maintainer.ts'
import type { ManifestContext } from './manifest-context.ts'
import { PartGone, partMissing } from './part-gone.ts'
import type { PendingOperation } from './pending-operation.ts'
import { publishHead } from './publish-head.ts'
import type { PublishOutcome, PublishRequest } from './publish-head.ts'
import { isTailFull, sealTail } from './seal-tail.ts'
import type { Snapshot } from './snapshot.ts'

export interface HeadWriterParts {
  readonly namespace: Namespace
  readonly cache: HeadCache
  readonly maintainer: Maintainer
  readonly context: ManifestContext
}

export interface PlannedCommit {
  readonly snapshot: Snapshot | undefined
  readonly plan: CommitPlan
  readonly swap: PartSwap | undefined
}

type PlannableOperation = Omit<PendingOperation, 'floor' | 'resolve' | 'reject'>

export interface PlanRequest {
  readonly writer: string
  readonly operations: readonly PlannableOperation[]
  /** Raises the head's floor: ISO 8601, UTC. */
  readonly floor?: string
}

/** Plans versions of one namespace's head and stores them: what every kind of committer does the same way. */
export class HeadWriter {
  readonly pacer: HeadPacer
  readonly #namespace: Namespace
  readonly #parts: HeadWriterParts
  readonly #context: ManifestContext
  #anchored = false

  constructor(parts: HeadWriterParts) {
    this.#namespace = parts.namespace
    this.#parts = parts
    this.#context = parts.context
    this.pacer = new HeadPacer(parts.context)
  }

  /** Undefined when parts of the snapshot were collected: take a newer one. */
  async plan(snapshot: Snapshot | undefined, request: PlanRequest): Promise<PlannedCommit | undefined> {
    try {
      const current = await currentEntries(snapshot, request.operations)
      const base = snapshot && {
        ...snapshot.version,
        ...(await this.#baseOf(snapshot.version.head, request.operations)),
      }
      const now = this.#context.clock.now()
      const { operations, ...rest } = request
      const context = {
        namespace: this.#namespace,
        at: new Date(now).toISOString(),
        commit: this.#context.ids.next(now),
        anchored: this.#anchored,
        clockSkewMs: this.#context.limits.clockSkewMs,
        maxWriters: this.#context.limits.maxWriters,
        ...rest,
      }
      return { snapshot, plan: planCommit(base, current, { operations, context }), swap: base?.swap }
    } catch (error) {
      if (!(error instanceof PartGone)) throw error
      const current = await this.#parts.cache.refresh()
      if (current?.version.etag === snapshot?.version.etag) throw partMissing(error)
      return undefined
    }
  }

  /** The head with what is prepared for it; before a run is appended its tail is sealed. */
  async #baseOf(
    head: ManifestHead,
    operations: readonly PlannableOperation[],
  ): Promise<{ readonly head: ManifestHead; readonly swap: PartSwap | undefined }> {
    const base = this.#parts.maintainer.apply(head)
    const appends = operations.some(({ append }) => append !== undefined)
    if (!appends || base.head.tail.length === 0) return base
    const sealed = await sealTail(this.#namespace, base.head, this.#context)
    return { ...base, head: this.#context.rules.applySwap(base.head, sealed) ?? base.head }
  }

  /** An overfull tail moves to a segment first, so a head stays small whatever is stored at once. */
  async toRequest(
    { snapshot, swap }: PlannedCommit,
    planned: ManifestHead,
    writer: string,
  ): Promise<PublishRequest> {
    const { rules, limits } = this.#context
    let next = planned
    if (isTailFull(planned, limits, limits.overfull)) {
      const sealed = await sealTail(this.#namespace, planned, this.#context)
      next = rules.applySwap(planned, sealed) ?? planned
    }
    return { namespace: this.#namespace, base: snapshot?.version, next, writer, pacer: this.pacer, swap }
  }

  /** Stores a version over its base, and takes note of what became of it. */
  async publish(request: PublishRequest): Promise<PublishOutcome> {
    return this.conclude(request, await publishHead(request, this.#context))
  }

  /** Takes note of an outcome, also of one found later. */
  async conclude(request: PublishRequest, outcome: PublishOutcome): Promise<PublishOutcome> {
    if (outcome.kind === 'unknown') return outcome
    this.#parts.cache.advance(outcome.version)
    if (outcome.kind === 'superseded') this.pacer.noteLoss()
    if (outcome.kind !== 'landed') return outcome
    if (request.swap !== undefined) this.#parts.maintainer.done(request.swap, request.next)
    await this.#ensureAnchor(request.next)
    this.#parts.maintainer.consider(outcome.version.head, request.writer)
    return outcome
  }

  /** Waits until the writer may write the head. Resolves to whether that took any time, in which others may have written. */
  async waitForTurn(writer: string): Promise<boolean> {
    for (let hasWaited = false; ; hasWaited = true) {
      const snapshot = this.#parts.cache.known
      const delayMs = this.pacer.delayMs(snapshot, writer)
      if (delayMs > 0) await this.#context.clock.sleep(delayMs)
      if (this.pacer.turn(snapshot, writer) === 0) return hasWaited || delayMs > 0
      // Others come first: a look is twelve times cheaper than a write that loses.
      const current = await this.#parts.cache.refresh()
      if (current?.version.etag === snapshot?.version.etag) return true
    }
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
}

/** What a snapshot says of every id that operations name. Of imported ones only what was not looked up before. */
async function currentEntries(
  snapshot: Snapshot | undefined,
  operations: readonly PlannableOperation[],
): Promise<ReadonlyMap<string, ManifestEntry>> {
  if (snapshot === undefined) return new Map()
  const append = operations.find((operation) => operation.append !== undefined)?.append
  if (append === undefined)
    return snapshot.lookup(operations.flatMap(({ mutations }) => mutations.map(mutationId)))
  const { epoch } = snapshot.version.head.header
  const isSameEpoch = epoch !== '' && append.checkedAt?.epoch === epoch
  return lookupMany(snapshot, [...append.revisions.keys()], isSameEpoch ? append.checkedAt.seq : 0)
}
