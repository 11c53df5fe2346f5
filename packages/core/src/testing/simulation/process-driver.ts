import { hasErrorCode } from '../../errors/umbra-error.ts'
import { InFlight } from '../../in-flight.ts'
import { describeError } from './describe-message.ts'
import type { OperationRecord } from './operation-history.ts'
import type { Scheduler } from './scheduler.ts'
import { Life } from './simulated-process.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { IntendedWrite, ObservedRead, ProcessUnderTest, SimulatedSystem } from './simulated-system.ts'
import type { PlannedOperation } from './simulation-plan.ts'
import type { Story } from './story.ts'

/** A process as the driver starts it: `running` are the labels of what it performs now. */
export interface ProcessStart {
  readonly name: string
  readonly life: Life
  readonly running: () => readonly string[]
  /** Ends this life, should it not be over. */
  readonly crash: (restartAfterMs: number) => void
}

export interface DriverContext<Operation> {
  readonly name: string
  readonly operations: readonly PlannedOperation<Operation>[]
  readonly system: SimulatedSystem<Operation>
  readonly scheduler: Scheduler
  readonly story: Story
  readonly open: (start: ProcessStart) => SimulatedProcess
  readonly describe: (operation: Operation) => string
  readonly onBegin: (planned: PlannedOperation<Operation>) => void
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Performs a process's operations, through all its lives. */
export class ProcessDriver<Operation> {
  readonly records: Mutable<OperationRecord<Operation>>[] = []
  readonly #context: DriverContext<Operation>
  /** Labels of the operations that its present life performs. */
  readonly #running = new Set<string>()
  #lives = 0
  #next = 0
  #life = new Life()
  #done = false
  #defect: unknown

  constructor(context: DriverContext<Operation>) {
    this.#context = context
  }

  /** Whether nothing more will come from it: everything performed, or dead for good. */
  get isDone(): boolean {
    return this.#done
  }

  /** Why it could not even start, or stop. */
  get defect(): unknown {
    return this.#defect
  }

  /** Labels of the operations that have begun and not ended, in its present life. */
  get waiting(): readonly string[] {
    return [...this.#running]
  }

  start(): void {
    this.#life = new Life()
    this.#running.clear()
    const life = this.#life
    this.#live(life).catch((error: unknown) => {
      if (life.isOver) return
      this.#defect = error
      this.#done = true
    })
  }

  /** Takes effect at once; does nothing to a process that is already gone or has ended. */
  crash(restartAfterMs: number | undefined): void {
    if (this.#life.isOver || this.#done) return
    const { scheduler, story, name } = this.#context
    this.#life.end()
    story.tell(this.#name, 'crashes')
    if (restartAfterMs === undefined) this.#done = true
    else {
      const run = () => this.start()
      scheduler.schedule({ kind: 'wire', delayMs: restartAfterMs, name: `${name} restarts`, run })
    }
  }

  get #name(): string {
    return this.#lives <= 1 ? this.#context.name : `${this.#context.name}/${this.#lives}`
  }

  async #live(life: Life): Promise<void> {
    this.#lives++
    const { story, open, system, operations } = this.#context
    if (this.#lives > 1) story.tell(this.#name, 'starts again')
    const crash = (restartAfterMs: number) => {
      if (!life.isOver) this.crash(restartAfterMs)
    }
    const process = open({ name: this.#name, life, running: () => this.waiting, crash })
    const underTest = await system.start(process)
    const inFlight = new InFlight()
    for (let planned = operations[this.#next]; planned !== undefined; planned = operations[this.#next]) {
      if (planned.start === 'turn') await inFlight.settled()
      if (planned.pauseMs > 0) await process.clock.sleep(planned.pauseMs)
      void inFlight.track(this.#perform(this.#begin(planned), underTest, life))
    }
    await inFlight.settled()
    await underTest.stop?.()
    this.#done = true
  }

  #begin(planned: PlannedOperation<Operation>): Mutable<OperationRecord<Operation>> {
    const { name, scheduler, story, describe, onBegin } = this.#context
    const { operation } = planned
    const record: Mutable<OperationRecord<Operation>> = {
      label: `${name}.${++this.#next}`,
      process: this.#name,
      operation,
      startStep: scheduler.steps,
      endStep: Number.POSITIVE_INFINITY,
      outcome: 'unknown',
      writes: [],
      read: undefined,
      error: undefined,
    }
    this.records.push(record)
    this.#running.add(record.label)
    onBegin(planned)
    story.tell(this.#name, `begins ${record.label}: ${describe(operation)}`)
    return record
  }

  /** Never rejects. */
  async #perform(
    record: Mutable<OperationRecord<Operation>>,
    underTest: ProcessUnderTest<Operation>,
    life: Life,
  ): Promise<void> {
    try {
      await underTest.perform(record.operation, {
        label: record.label,
        willWrite: (...writes: readonly IntendedWrite[]) => void (record.writes = writes),
        wroteNothing: () => void (record.writes = []),
        didRead: (read: ObservedRead) => void (record.read = read),
      })
      this.#end(record, life, { outcome: 'committed', error: undefined })
    } catch (error) {
      const outcome = hasErrorCode(error, 'OUTCOME_PENDING') ? 'unknown' : 'rejected'
      this.#end(record, life, { outcome, error })
    }
  }

  #end(
    record: Mutable<OperationRecord<Operation>>,
    life: Life,
    { outcome, error }: Pick<OperationRecord<Operation>, 'outcome' | 'error'>,
  ): void {
    // What a dead process says reaches nobody.
    if (life.isOver) return
    this.#running.delete(record.label)
    record.outcome = outcome
    record.error = error
    record.endStep = this.#context.scheduler.steps
    const why = error === undefined ? '' : ` (${describeError(error)})`
    const read = record.read === undefined ? '' : `, read ${describeRead(record.read)}`
    this.#context.story.tell(this.#name, `is told ${record.label} is ${outcome}${why}${read}`)
  }
}

function describeRead({ records, seq }: ObservedRead): string {
  const contents = [...records].map(([id, content]) => `${id}=${content ?? 'nothing'}`)
  return `${contents.length === 0 ? 'nothing' : contents.join(' ')}${seq === undefined ? '' : ` at ${seq}`}`
}
