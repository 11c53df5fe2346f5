import { namespacePath, UmbraError } from '@umbra/core'
import type { IdSource, Namespace, PinnedSnapshot } from '@umbra/core'
import type { Clock } from '@umbra/core'
import type { Snapshot } from './snapshot.ts'

interface Pin {
  readonly path: string
  /** Undefined: the namespace was empty. */
  readonly snapshot: Snapshot | undefined
}

/** Pinned versions of namespaces: each keeps a head in memory until it is released. */
export class SnapshotPinBoard {
  readonly #ids: IdSource
  readonly #clock: Clock
  readonly #pins = new Map<string, Pin>()

  constructor({ ids, clock }: { readonly ids: IdSource; readonly clock: Clock }) {
    this.#ids = ids
    this.#clock = clock
  }

  pin(namespace: Namespace, snapshot: Snapshot | undefined): PinnedSnapshot {
    const name = this.#ids.next(this.#clock.now())
    this.#pins.set(name, { path: namespacePath(namespace), snapshot })
    const header = snapshot?.version.head.header
    return { snapshot: name, version: header?.seq ?? null, at: header?.at ?? null }
  }

  /** @throws `INVALID_INPUT` when nothing of this namespace is pinned under the name. */
  get(namespace: Namespace, name: string): Snapshot | undefined {
    const pin = this.#pins.get(name)
    if (pin?.path === namespacePath(namespace)) return pin.snapshot
    throw new UmbraError(
      'INVALID_INPUT',
      'no snapshot of this module and user is pinned under this name in this process; pin one first',
      { details: { field: 'consistency.snapshot' } },
    )
  }

  release(name: string): void {
    this.#pins.delete(name)
  }
}
