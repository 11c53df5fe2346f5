import fc from 'fast-check'
import type {
  CrashPoint,
  PlannedCrash,
  PlannedFault,
  ProcessPlan,
  SimulationPlan,
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
  /** Most faults. Default: 6. */
  readonly maxFaults?: number
  /** Kinds of faults. Default: all. */
  readonly faults?: readonly FaultKind[]
  /** Parts of keys that faults are aimed at besides any key, such as the head's. Default: none. */
  readonly targets?: readonly string[]
  /** Most crashes. Default: 2. */
  readonly maxCrashes?: number
  /** By how much clocks may be wrong, or be set, milliseconds. Default: 600,000, ten minutes. */
  readonly maxSkewMs?: number
  /** Default: {@link DEFAULT_STORE_RULES} with dates or without, and each answer to If-Match on nothing. */
  readonly store?: Partial<StoreRules>
  readonly epilogue?: readonly Operation[]
}

/** Longest delay of a late message, and longest outage: several timeouts. */
const MAX_DELAY_MS = 60_000

/** Plans; a failing one shrinks to few processes, operations, faults and crashes, and clocks that are right. */
export function simulationPlans<Operation>(
  constraints: PlanConstraints<Operation>,
): fc.Arbitrary<SimulationPlan<Operation>> {
  const { maxProcesses = 3, maxFaults = 6, maxCrashes = 2, epilogue = [] } = constraints
  return fc.record({
    seed: fc.nat(),
    store: storeRules(constraints.store),
    processes: fc.array(processPlans(constraints), { minLength: 1, maxLength: maxProcesses }),
    faults: fc.array(plannedFaults(constraints, maxProcesses), { maxLength: maxFaults }),
    crashes: fc.array(plannedCrashes(maxProcesses), { maxLength: maxCrashes }),
    epilogue: fc.constant(epilogue),
  })
}

function storeRules(fixed: Partial<StoreRules> | undefined): fc.Arbitrary<StoreRules> {
  return fc
    .record({
      oneWritePerSecond: fc.boolean(),
      serverDate: fc.boolean(),
      ifMatchOnAbsent: fc.constantFrom(412 as const, 404 as const),
      pageSize: fc.constantFrom(1_000, 3, 1),
    })
    .map((rules) => ({ ...DEFAULT_STORE_RULES, ...rules, ...fixed }))
}

function processPlans<Operation>({
  operations,
  maxOperations = 6,
  maxSkewMs = 600_000,
}: PlanConstraints<Operation>): fc.Arbitrary<ProcessPlan<Operation>> {
  const skew = fc.integer({ min: -maxSkewMs, max: maxSkewMs })
  return fc.record({
    skewMs: mostly(0, skew),
    clockJumps: fc.array(fc.record({ atMs: fc.nat(30_000), byMs: skew }), {
      maxLength: maxSkewMs === 0 ? 0 : 1,
    }),
    operations: fc.array(
      fc.record({
        operation: operations,
        start: fc.constantFrom('turn' as const, 'at once' as const),
        pauseMs: mostly(0, fc.nat(3_000)),
      }),
      { minLength: 1, maxLength: maxOperations },
    ),
  })
}

function plannedFaults<Operation>(
  { faults = FAULT_KINDS, targets = [] }: PlanConstraints<Operation>,
  maxProcesses: number,
): fc.Arbitrary<PlannedFault> {
  return fc.record({
    kind: fc.constantFrom(...faults),
    process: fc.nat(maxProcesses - 1),
    nth: fc.integer({ min: 1, max: 12 }),
    on: fc.constantFrom('', ...targets),
    delayMs: fc.nat(MAX_DELAY_MS),
  })
}

function plannedCrashes(maxProcesses: number): fc.Arbitrary<PlannedCrash> {
  return fc.record({
    process: fc.nat(maxProcesses - 1),
    at: fc.oneof(
      fc.record({
        kind: fc.constant('request' as const),
        nth: fc.integer({ min: 1, max: 20 }),
        moment: fc.constantFrom('sent' as const, 'applied' as const, 'answered' as const),
      }),
      fc.record({ kind: fc.constant('step' as const), nth: fc.integer({ min: 1, max: 100 }) }),
    ) satisfies fc.Arbitrary<CrashPoint>,
    restartAfterMs: fc.oneof(fc.constant(undefined), fc.nat(30_000), fc.nat(1_000)),
  })
}

function mostly<T>(usual: T, rare: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: rare })
}
