import type { SimulatedProcess } from './simulated-process.ts'

/** What is put to the test. */
export interface SimulatedSystem<Operation> {
  /** Starts a process, or starts it again after a crash. Everything it knows beforehand is on its disk and in the store. */
  start(process: SimulatedProcess): ProcessUnderTest<Operation> | Promise<ProcessUnderTest<Operation>>
}

export interface ProcessUnderTest<Operation> {
  /**
   * Resolves when the application would be told that it is done; rejects with what it would be told instead: an
   * `OUTCOME_PENDING` means that nobody knows, every other error that it has not happened and never will.
   */
  perform(operation: Operation, call: OperationCall): Promise<unknown>
  /** Ends background work once all operations have ended. */
  stop?(): Promise<void>
}

/** One operation's way to say what a check needs to know. */
export interface OperationCall {
  /** Unique in the simulation, such as `p1.3`: put it into what is written, so that it is recognised. */
  readonly label: string
  /** Says, before the first request, what is to be changed: all of it together or nothing. */
  willWrite(...writes: readonly IntendedWrite[]): void
  /** Says that nothing needed to be changed after all. */
  wroteNothing(): void
  /** Says what was read. */
  didRead(read: ObservedRead): void
}

export interface IntendedWrite {
  readonly id: string
  /** What identifies the new content, unique to this operation: a hash, or its text. Null deletes the record. */
  readonly content: string | null
  /** The content it may replace, null for none. Undefined: whatever is there. */
  readonly over?: string | null | undefined
}

export interface ObservedRead {
  /** Content by id; null when the record does not exist. */
  readonly records: ReadonlyMap<string, string | null>
  /** `all`: these are all the records there are. */
  readonly scope: 'all' | 'these'
  /** Number of the version that was read, when it is known. */
  readonly seq?: number
  /** Whether it may be of any earlier version: default false. */
  readonly mayBeOld?: boolean
}
