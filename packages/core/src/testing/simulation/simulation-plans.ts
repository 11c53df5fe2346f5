import fc from 'fast-check'
import type {
  PlannedCrash,
  PlannedFault,
  PlannedOperation,
  ProcessPlan,
  SimulationPlan,
  StepCrash,
  StoreRules,
} from './simulation-plan.ts'
import { DEFAULT_STORE_RULES } from './simulation-plan.ts'
import { FAULT_KINDS } from './store-fault.ts'
import type { FaultKind } from './store-fault.ts'

export interface PlanConstraints<Operation> {
  readonly operations: fc.Arbitrary<Operation>
  /** Most processes. Default: 3. */
  readonly maxProcesses?: number
  /** Most operations of one process. Default: 6. */
  readonly maxOperations?: number
  /** Most faults that one operation meets; every other one meets none. Default: 2. */
  readonly maxFaults?: number
  /** Kinds of faults. Default: all. */
  readonly faults?: readonly FaultKind[]
  /** Longest delay of a late message, and longest outage, milliseconds. Default: 60,000, several timeouts. */
  readonly maxDelayMs?: number
  /** Parts of keys that faults are aimed at besides any key, such as the head's. Default: none. */
  readonly targets?: readonly string[]
  /** Most crashes at any step; those at a request of an operation are rare. 0: none at all. Default: 1. */
  readonly maxCrashes?: number
  /** By how much clocks may be wrong, or be set, milliseconds. Default: 600,000, ten minutes. */
  readonly maxSkewMs?: number
  /** Rules of every plan's store. Those left out vary, as far as a right system must not care. */
  readonly store?: Partial<StoreRules>
  /** Performed in every plan after all the rest, such as reading everything. Default: none. */
  readonly epilogue?: readonly Operation[]
}

const RESTARTS = fc.oneof(fc.constant(undefined), fc.nat(1_000), fc.nat(30_000))

/** Plans; a failing one shrinks to few processes, operations, faults and crashes, and clocks that are right. */
export function simulationPlans<Operation>(
  constraints: PlanConstraints<Operation>,
): fc.Arbitrary<SimulationPlan<Operation>> {
  const { maxProcesses = 3, maxCrashes = 1, epilogue = [] } = constraints
  const plans = fc.record({
    seed: fc.nat(),
    store: storeRules(constraints.store),
    processes: fc.array(processPlans(constraints), { minLength: 1, maxLength: maxProcesses, size: 'max' }),
    crashes: mostly([], fc.array(stepCrashes(maxProcesses), { maxLength: maxCrashes })),
    epilogue: fc.constant(epilogue),
  })
  // A crash must name a process that there is, or most of them would befall nobody.
  return plans.map((plan) => ({
    ...plan,
    crashes: plan.crashes.map((crash) => ({ ...crash, process: crash.process % plan.processes.length })),
  }))
}

function storeRules(fixed: Partial<StoreRules> | undefined): fc.Arbitrary<StoreRules> {
  return fc
    .record({
      oneWritePerSecond: fc.boolean(),
      serverDate: fc.boolean(),
      ifMatchOnAbsent: fc.constantFrom(412 as const, 404 as const),
      pageSize: fc.constantFrom(1_000, 3, 1),
      foldsUnicode: fc.boolean(),
    })
    .map((rules) => ({ ...DEFAULT_STORE_RULES, ...rules, ...fixed }))
}

function processPlans<Operation>(
  constraints: PlanConstraints<Operation>,
): fc.Arbitrary<ProcessPlan<Operation>> {
  const { maxOperations = 6, maxSkewMs = 600_000 } = constraints
  const skew = fc.integer({ min: -maxSkewMs, max: maxSkewMs })
  return fc.record({
    skewMs: mostly(0, skew),
    clockJumps: fc.array(fc.record({ atMs: fc.nat(30_000), byMs: skew }), {
      maxLength: maxSkewMs === 0 ? 0 : 1,
    }),
    operations: sparseArray(plannedOperations(constraints), maxOperations),
  })
}

function plannedOperations<Operation>(
  constraints: PlanConstraints<Operation>,
): fc.Arbitrary<PlannedOperation<Operation>> {
  const { operations, maxFaults = 2, maxCrashes = 1 } = constraints
  return fc.record({
    operation: operations,
    start: fc.constantFrom('turn' as const, 'at once' as const),
    pauseMs: fc.oneof(fc.constant(0), upTo(3_000)),
    faults: fc.oneof(fc.constant([]), sparseArray(plannedFaults(constraints), maxFaults)),
    crash: fc.oneof(
      { weight: 15, arbitrary: fc.constant(undefined) },
      { weight: maxCrashes === 0 ? 0 : 1, arbitrary: plannedCrashes() },
    ),
  })
}

function plannedFaults<Operation>({
  faults = FAULT_KINDS,
  targets = [],
  maxDelayMs = 60_000,
}: PlanConstraints<Operation>): fc.Arbitrary<PlannedFault> {
  return fc.record({
    kind: fc.constantFrom(...faults),
    nth: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 10 })),
    on: fc.constantFrom('', ...targets),
    delayMs: upTo(maxDelayMs),
  })
}

function plannedCrashes(): fc.Arbitrary<PlannedCrash> {
  return fc.record({
    nth: fc.integer({ min: 1, max: 6 }),
    moment: fc.constantFrom('sent' as const, 'applied' as const, 'answered' as const),
    restartAfterMs: RESTARTS,
  })
}

function stepCrashes(maxProcesses: number): fc.Arbitrary<StepCrash> {
  return fc.record({
    process: fc.nat(maxProcesses - 1),
    step: fc.integer({ min: 1, max: 100 }),
    restartAfterMs: RESTARTS,
  })
}

/** Of every order of magnitude, as messages take. */
function upTo(max: number): fc.Arbitrary<number> {
  return fc.oneof(fc.nat(Math.min(max, 100)), fc.nat(Math.min(max, 1_000)), fc.nat(max))
}

/** Shrinks by leaving out any element, while an array's own shrinking leaves out only the first ones. */
function sparseArray<T>(elements: fc.Arbitrary<T>, maxLength: number): fc.Arbitrary<T[]> {
  const places = fc.option(
    elements.map((element) => [element]),
    { nil: [], freq: 20 },
  )
  return fc.array(places, { maxLength, size: 'max' }).map((found) => found.flatMap((place) => place))
}

function mostly<T>(usual: T, rare: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: rare })
}
