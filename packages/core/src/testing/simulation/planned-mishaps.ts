import type {
  CrashMoment,
  PlannedCrash,
  PlannedFault,
  PlannedOperation,
  StepCrash,
} from './simulation-plan.ts'
import { canBefall } from './store-fault.ts'
import type { StoreRequest } from './store-request.ts'

/** What is to befall one request. */
export interface RequestLuck {
  readonly fault: PlannedFault | undefined
  readonly crash: PlannedCrash | undefined
}

/** A mishap that waits for its request. */
interface Armed<Mishap> {
  readonly mishap: Mishap
  /** How many more requests it lets pass. */
  left: number
}

const LUCKY: RequestLuck = { fault: undefined, crash: undefined }

/** Knows which request a planned fault or crash is meant for. One that never comes is waited for in vain. */
export class PlannedMishaps {
  readonly #stepCrashes: readonly StepCrash[]
  readonly #faults = new Map<number, Armed<PlannedFault>[]>()
  readonly #crashes = new Map<number, Armed<PlannedCrash>[]>()

  constructor(stepCrashes: readonly StepCrash[]) {
    this.#stepCrashes = stepCrashes
  }

  /** An operation begins: requests of its process count from here. */
  begin(process: number, { faults, crash }: PlannedOperation<unknown>): void {
    const arm = <Mishap extends { readonly nth: number }>(mishap: Mishap): Armed<Mishap> => ({
      mishap,
      left: mishap.nth - 1,
    })
    this.#faults.set(process, [...(this.#faults.get(process) ?? []), ...faults.map(arm)])
    if (crash !== undefined) this.#crashes.set(process, [...(this.#crashes.get(process) ?? []), arm(crash)])
  }

  /** A process sends a request. */
  next(process: number | undefined, request: StoreRequest): RequestLuck {
    if (process === undefined) return LUCKY
    const befalls = ({ kind, on }: PlannedFault) => canBefall(kind, request.verb) && request.key.includes(on)
    return {
      fault: takeDue(this.#faults.get(process), befalls),
      crash: takeDue(this.#crashes.get(process), () => true),
    }
  }

  crashesAtStep(step: number): readonly StepCrash[] {
    return this.#stepCrashes.filter((crash) => crash.step === step)
  }
}

export function happensAt(crash: PlannedCrash | undefined, moment: CrashMoment): crash is PlannedCrash {
  return crash?.moment === moment
}

/** Counts a request for every mishap it could be meant for. Of several that it is meant for, the first befalls it. */
function takeDue<Mishap>(
  armed: Armed<Mishap>[] | undefined,
  matches: (mishap: Mishap) => boolean,
): Mishap | undefined {
  const matching = armed?.filter(({ mishap }) => matches(mishap)) ?? []
  const due = matching.filter(({ left }) => left === 0)
  for (const one of matching) one.left--
  for (const one of due) armed?.splice(armed.indexOf(one), 1)
  return due[0]?.mishap
}
