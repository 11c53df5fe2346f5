import { isFreshUpload } from '@umbra/core'
import type { ManifestHead, Namespace, PartSwap } from '@umbra/core'
import { activeWriters } from './active-writers.ts'
import { storeHeadCopy } from './head-copy.ts'
import { chooseMerge } from './choose-merge.ts'
import type { ManifestContext } from './manifest-context.ts'
import { mergeParts } from './merge-parts.ts'
import { isTailFull, sealTail } from './seal-tail.ts'

/** Milliseconds before maintenance that failed is tried again. */
const RETRY_AFTER_MS = 30_000

/**
 * Keeps one namespace's head small, beside its commits: prepares one swap at a time, which the next commit carries. Never
 * needed for correctness; what is prepared and not used is an orphan for the collector.
 */
export class Maintainer {
  readonly #namespace: Namespace
  readonly #context: ManifestContext
  #ready: PartSwap | undefined
  #running: Promise<void> | undefined
  #notBefore = Number.NEGATIVE_INFINITY

  constructor(namespace: Namespace, context: ManifestContext) {
    this.#namespace = namespace
    this.#context = context
  }

  /** The head with the prepared swap applied, if there is one that fits. */
  apply(head: ManifestHead): { readonly head: ManifestHead; readonly swap: PartSwap | undefined } {
    const swap = this.#ready
    if (swap === undefined) return { head, swap }
    const swapped = isFreshUpload(swap.uploadedAt, head.header.floor, this.#context.limits.clockSkewMs)
      ? this.#context.rules.applySwap(head, dated(swap, this.#context.clock.now()))
      : undefined
    if (swapped !== undefined) return { head: swapped, swap }
    this.#ready = undefined
    return { head, swap: undefined }
  }

  /** The swap is in this version, which landed. */
  done(swap: PartSwap, head: ManifestHead): void {
    if (this.#ready === swap) this.#ready = undefined
    if (swap.kind !== 'merge' || this.#running !== undefined) return
    this.#running = this.#run(async () => {
      await storeHeadCopy(this.#namespace, head, this.#context)
      return undefined
    })
  }

  /** Whether a prepared swap waits for a commit. */
  get isReady(): boolean {
    return this.#ready !== undefined
  }

  /** Starts what the head needs, in the background; only one of several writers does it. */
  consider(head: ManifestHead, writer: string): void {
    if (this.#running !== undefined || this.#ready !== undefined) return
    if (this.#context.clock.now() < this.#notBefore || activeWriters(head.header)[0] !== writer) return
    const task = this.#next(head)
    if (task === undefined) return
    this.#running = this.#run(task)
  }

  /** Prepares this swap now. */
  async prepare(task: () => Promise<PartSwap>): Promise<void> {
    await this.settled()
    this.#ready = await task()
  }

  /** Resolves when nothing is running. */
  async settled(): Promise<void> {
    await this.#running
  }

  #next(head: ManifestHead): (() => Promise<PartSwap>) | undefined {
    const { limits } = this.#context
    if (isTailFull(head, limits)) return () => sealTail(this.#namespace, head, this.#context)
    const inputs = chooseMerge(head.parts, limits)
    return inputs && (() => mergeParts(this.#namespace, { head, inputs }, this.#context))
  }

  /** Never rejects: a failure costs nothing but another attempt later. */
  async #run(task: () => Promise<PartSwap | undefined>): Promise<void> {
    try {
      this.#ready = await task()
    } catch (error) {
      this.#notBefore = this.#context.clock.now() + RETRY_AFTER_MS
      this.#context.onUpkeepFailure(error)
    } finally {
      this.#running = undefined
    }
  }
}

/** What a merge replaces is garbage from the commit on that carries the swap, which may come long after it was prepared. */
function dated(swap: PartSwap, nowMs: number): PartSwap {
  if (swap.kind === 'seal') return swap
  return { ...swap, garbage: { ...swap.garbage, at: new Date(nowMs).toISOString() } }
}
