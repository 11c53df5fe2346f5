import type { Clock } from '../../clock.ts'
import type { IdSource } from '../../id-source.ts'
import type { ObjectStore } from '../../objects/object-store.ts'

/** What a process of the simulation has of the world: nothing else may be used inside one. */
export interface SimulatedProcess {
  /** `p1`, and `p1/2` after its first restart. */
  readonly name: string
  readonly clock: Clock
  readonly ids: IdSource
  readonly objects: ObjectStore
  /** What survives a crash, such as a local database: the same map in every life of the process. */
  readonly disk: Map<string, unknown>
  /** Ends this process at once, for faults of what it has to itself; it starts again after so many milliseconds. */
  readonly crash: (restartAfterMs: number) => void
}

/** Whether a process still runs. Nothing it waits for happens to a dead one. */
export class Life {
  #alive = true

  get isOver(): boolean {
    return !this.#alive
  }

  end(): void {
    this.#alive = false
  }
}

/** What a dead process waits for. */
export function never<T>(): Promise<T> {
  return new Promise(() => undefined)
}
