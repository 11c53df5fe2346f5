import type { IntendedWrite, ObservedRead } from './simulated-system.ts'

/**
 * What became of an operation, as the application was told.
 * `rejected`: it has not happened and never will. `unknown`: it may have happened, or may yet; its process crashed, or
 * said so.
 */
export type OperationOutcome = 'committed' | 'rejected' | 'unknown'

/** One operation, as its caller saw it. */
export interface OperationRecord<Operation> {
  /** `p1.3`: the third operation of the first process. */
  readonly label: string
  /** `p1`, and `p1/2` after its first restart. */
  readonly process: string
  readonly operation: Operation
  /** What had taken effect up to this step was done before it began. */
  readonly startStep: number
  /** What took effect up to this step was done when its caller was answered; infinite when it never was. */
  readonly endStep: number
  readonly outcome: OperationOutcome
  /** What it was to change, all together or not at all. Empty when it said that it changed nothing. */
  readonly writes: readonly IntendedWrite[]
  readonly read: ObservedRead | undefined
  /** Its error; undefined when it has none. */
  readonly error: unknown
}
