import type { ManifestHead, Watermark } from '@umbra/core'
import type { ManifestContext } from './manifest-context.ts'

/**
 * The name a committer counts its operations under. Fresh per committer, so nobody else has it, unless the process was
 * copied while it ran (a virtual machine's snapshot): then the watermark is not the one it left, and it takes a new name.
 */
export class WriterName {
  readonly #context: Pick<ManifestContext, 'ids' | 'clock'>
  #name: string
  #mark: Watermark | undefined

  constructor(context: Pick<ManifestContext, 'ids' | 'clock'>) {
    this.#context = context
    this.#name = context.ids.next(context.clock.now())
  }

  get name(): string {
    return this.#name
  }

  /** Takes the watermark of a version of its own that landed. */
  note(head: ManifestHead): void {
    this.#mark = head.header.w[this.#name]
  }

  /** Takes a new name when somebody else has counted under this one. */
  check(head: ManifestHead | undefined): void {
    const found = head?.header.w[this.#name]
    if (found !== undefined && found.h !== this.#mark?.h) this.renew()
  }

  renew(): void {
    this.#name = this.#context.ids.next(this.#context.clock.now())
    this.#mark = undefined
  }
}
