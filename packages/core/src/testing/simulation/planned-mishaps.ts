import type { PlannedCrash, PlannedFault } from './simulation-plan.ts'
import { canBefall } from './store-fault.ts'
import type { StoreRequest } from './store-request.ts'

export type RequestMoment = 'sent' | 'applied' | 'answered'

/** Knows which request a planned fault or crash is meant for. Counts go on over the restarts of a process. */
export class PlannedMishaps {
  readonly #faults: readonly PlannedFault[]
  readonly #crashes: readonly PlannedCrash[]
  /** How many requests each fault could have befallen so far. */
  readonly #seen = new Map<PlannedFault, number>()
  readonly #sent = new Map<number, number>()

  constructor(plan: { readonly faults: readonly PlannedFault[]; readonly crashes: readonly PlannedCrash[] }) {
    this.#faults = plan.faults
    this.#crashes = plan.crashes
  }

  /** Counts a request. Returns its number among those of its process, and the first fault meant for it. */
  next(process: number, request: StoreRequest): { nth: number; fault: PlannedFault | undefined } {
    const nth = (this.#sent.get(process) ?? 0) + 1
    this.#sent.set(process, nth)
    let befallen: PlannedFault | undefined
    for (const fault of this.#faults) {
      if (
        fault.process !== process ||
        !canBefall(fault.kind, request.verb) ||
        !request.key.includes(fault.on)
      )
        continue
      const seen = (this.#seen.get(fault) ?? 0) + 1
      this.#seen.set(fault, seen)
      if (seen === fault.nth) befallen ??= fault
    }
    return { nth, fault: befallen }
  }

  /** The crash that is to happen at this moment of a process's n-th request. */
  crashAtRequest(process: number, nth: number, moment: RequestMoment): PlannedCrash | undefined {
    return this.#crashes.find(
      ({ process: victim, at }) =>
        victim === process && at.kind === 'request' && at.nth === nth && at.moment === moment,
    )
  }

  crashesAtStep(step: number): readonly PlannedCrash[] {
    return this.#crashes.filter(({ at }) => at.kind === 'step' && at.nth === step)
  }
}
