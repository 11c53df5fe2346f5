import type { FaultKind } from './store-fault.ts'

/** Everything that decides a simulation. The same plan always gives the same story. Plain data, so that it can be kept. */
export interface SimulationPlan<Operation> {
  /** Decides how long each message takes, and with it every order of events. */
  readonly seed: number
  readonly store: StoreRules
  readonly processes: readonly ProcessPlan<Operation>[]
  readonly crashes: readonly StepCrash[]
  /**
   * Performed one by one by a fresh process, `last`, without faults, after all others have ended and nothing is on its
   * way any more. Default: none.
   */
  readonly epilogue?: readonly Operation[]
}

export interface ProcessPlan<Operation> {
  /** By how much its clock is wrong, milliseconds; negative when it is slow. */
  readonly skewMs: number
  /** Moments at which its clock is set forward, or back. */
  readonly clockJumps: readonly ClockJump[]
  readonly operations: readonly PlannedOperation<Operation>[]
}

export interface ClockJump {
  /** Milliseconds since the simulation began. */
  readonly atMs: number
  readonly byMs: number
}

export interface PlannedOperation<Operation> {
  readonly operation: Operation
  /** `turn`: once all earlier ones of its process have ended. `at once`: beside them. */
  readonly start: 'turn' | 'at once'
  /** Milliseconds to wait before it starts. */
  readonly pauseMs: number
  /** What goes wrong while it runs. With the operation and not beside it, so that a plan shrinks well. */
  readonly faults: readonly PlannedFault[]
  readonly crash: PlannedCrash | undefined
}

/** Befalls one request. */
export interface PlannedFault {
  readonly kind: FaultKind
  /**
   * The n-th request, from 1, that its process sends after the operation has begun; counted are those that the fault can
   * befall and whose key contains `on`. When fewer come, nothing happens.
   */
  readonly nth: number
  readonly on: string
  /** How long a delay or an outage lasts, milliseconds. */
  readonly delayMs: number
}

/** The process is gone at once, with all it was doing; what it has sent may still arrive. */
export interface PlannedCrash {
  /** The n-th request, from 1, that its process sends after the operation has begun. */
  readonly nth: number
  /** Where that request is then. */
  readonly moment: CrashMoment
  /** Milliseconds until it starts again and goes on with its next operation; undefined: never. */
  readonly restartAfterMs: number | undefined
}

export type CrashMoment = 'sent' | 'applied' | 'answered'

/** A crash before some step of the whole simulation, whatever the process does then. */
export interface StepCrash extends Pick<PlannedCrash, 'restartAfterMs'> {
  /** Index of the process in the plan. */
  readonly process: number
  /** From 1. */
  readonly step: number
}

/** What kind of store it is. */
export interface StoreRules {
  /** Answers 429 to a write of a key less than a second after the last one took effect. */
  readonly oneWritePerSecond: boolean
  /** Whether answers carry the store's time. */
  readonly serverDate: boolean
  /** Answer to If-Match when there is no object. */
  readonly ifMatchOnAbsent: 404 | 412
  /** Most objects in one page of a listing. Each page is a request of its own, and writes come in between. */
  readonly pageSize: number
  /** Takes two Unicode spellings of a key for the same one, as R2 does. */
  readonly foldsUnicode: boolean
  /** Takes every write whatever its condition: with such a store, a check must fail. */
  readonly ignoreConditions: boolean
}

/** As R2 is. */
export const DEFAULT_STORE_RULES: StoreRules = {
  oneWritePerSecond: true,
  serverDate: true,
  ifMatchOnAbsent: 412,
  pageSize: 1_000,
  foldsUnicode: true,
  ignoreConditions: false,
}
