export type { BackendUnderTest, StorageUnderTest, SuiteContext } from './testing/backend-under-test.ts'
export { describeBackend } from './testing/describe-backend.ts'
export { assertSimulations, findFailure, formatFailure } from './testing/simulation/assert-simulations.ts'
export type { AssertSimulationsOptions, SimulationFailure } from './testing/simulation/assert-simulations.ts'
export { checkRecordHistory } from './testing/simulation/check-record-history.ts'
export type { RecordHistoryOptions } from './testing/simulation/check-record-history.ts'
export { watchHeadChain } from './testing/simulation/head-chain.ts'
export type { HeadLink } from './testing/simulation/head-chain.ts'
export type { Author, StoredVersion, StoreHistory } from './testing/simulation/object-history.ts'
export type { OperationOutcome, OperationRecord } from './testing/simulation/operation-history.ts'
export { recordOperations } from './testing/simulation/record-operation.ts'
export type { RecordOperation, RecordOperationConstraints } from './testing/simulation/record-operation.ts'
export type { DecodedVersion, VersionDecoder } from './testing/simulation/record-timeline.ts'
export { simulate } from './testing/simulation/simulate.ts'
export type { SimulationOptions, SimulationResult } from './testing/simulation/simulate.ts'
export type { SimulatedProcess } from './testing/simulation/simulated-process.ts'
export type {
  IntendedWrite,
  ObservedRead,
  OperationCall,
  ProcessUnderTest,
  SimulatedSystem,
} from './testing/simulation/simulated-system.ts'
export { DEFAULT_STORE_RULES } from './testing/simulation/simulation-plan.ts'
export type {
  ClockJump,
  CrashMoment,
  PlannedCrash,
  PlannedFault,
  PlannedOperation,
  ProcessPlan,
  SimulationPlan,
  StepCrash,
  StoreRules,
} from './testing/simulation/simulation-plan.ts'
export { simulationPlans } from './testing/simulation/simulation-plans.ts'
export type { PlanConstraints } from './testing/simulation/simulation-plans.ts'
export { FAULT_KINDS } from './testing/simulation/store-fault.ts'
export type { FaultKind } from './testing/simulation/store-fault.ts'
export { formatStory } from './testing/simulation/story.ts'
export type { StoryLine } from './testing/simulation/story.ts'
export type { ViolatedProperty, Violation } from './testing/simulation/violation.ts'
export { startFaultProxy } from './testing/faults/fault-proxy.ts'
export type { FaultProxy, FaultProxyOptions } from './testing/faults/fault-proxy.ts'
export type { FaultCounts } from './testing/faults/fault-counter.ts'
export type {
  Fault,
  FaultKind as ProxyFaultKind,
  FaultRule,
  SeenRequest,
} from './testing/faults/fault-rule.ts'
export type { AppliedAnswer, AppliedRequest, ApplyObserver } from './testing/faults/forward-request.ts'
export { createSeededRandom } from './testing/faults/seeded-random.ts'
