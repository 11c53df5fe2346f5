import { describeChange, describeError, describeOperation } from './describe-message.ts'
import type { StoredVersion, StoreHistory } from './object-history.ts'
import type { OperationRecord } from './operation-history.ts'
import { PlannedMishaps } from './planned-mishaps.ts'
import { ProcessDriver } from './process-driver.ts'
import type { ProcessStart } from './process-driver.ts'
import { Scheduler } from './scheduler.ts'
import { createSimulatedClient } from './simulated-client.ts'
import { createSimulatedClock } from './simulated-clock.ts'
import { createSimulatedIds } from './simulated-ids.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import { SimulatedStore } from './simulated-store.ts'
import type { SimulatedSystem } from './simulated-system.ts'
import type { PlannedOperation, ProcessPlan, SimulationPlan, StepCrash } from './simulation-plan.ts'
import { Story } from './story.ts'
import type { StoryLine } from './story.ts'
import type { Violation } from './violation.ts'

const START_MS = Date.parse('2026-01-01T00:00:00Z')
const DEFAULT_TIMEOUT_MS = 10_000
const DEFAULT_SLOWEST_MS = 1_000
const DEFAULT_MAX_STEPS = 100_000

export interface SimulationOptions<Operation> {
  readonly system: SimulatedSystem<Operation>
  /**
   * Looks at every change of the store when it has taken effect, such as {@link watchHeadChain}. The first violation
   * ends the simulation, so that its story ends there.
   */
  readonly watch?: (version: StoredVersion, store: StoreHistory) => Violation | undefined
  /** An operation as the story has it. Default: its values, such as `create a`. */
  readonly describe?: (operation: Operation) => string
  /** Milliseconds a process waits for the store's answer. Default: 10,000. */
  readonly timeoutMs?: number
  /** Longest time of one message without a fault, milliseconds. Default: 1,000. */
  readonly slowestMs?: number
  /** A simulation that takes more steps has a violation, `no-progress`. Default: 100,000. */
  readonly maxSteps?: number
  /**
   * Whether a process still does something that takes no simulated time and yet more than a turn of the event loop, such
   * as a transaction of a local database. Asked after each turn. Default: nobody does.
   */
  readonly isWorking?: () => boolean
}

export interface SimulationResult<Operation> {
  readonly story: readonly StoryLine[]
  /** In the order in which they began. */
  readonly operations: readonly OperationRecord<Operation>[]
  readonly store: StoreHistory
  /** What is wrong whatever the system does: operations that never end, and what `watch` found. */
  readonly violations: readonly Violation[]
  readonly steps: number
  /** Simulated time, milliseconds. */
  readonly elapsedMs: number
}

/**
 * Runs a system over a simulated network and store. All time, chance and I/O come from the plan: the same plan gives the
 * same result, to the letter, so long as the system uses nothing but what its processes are given.
 */
export async function simulate<Operation>(
  plan: SimulationPlan<Operation>,
  options: SimulationOptions<Operation>,
): Promise<SimulationResult<Operation>> {
  const simulation = new Simulation(plan, options)
  await simulation.run()
  return simulation.result()
}

type DueCrash = Pick<StepCrash, 'process' | 'restartAfterMs'>

class Simulation<Operation> {
  readonly #plan: SimulationPlan<Operation>
  readonly #options: SimulationOptions<Operation>
  readonly #scheduler: Scheduler
  readonly #story: Story
  readonly #mishaps: PlannedMishaps
  readonly #store: SimulatedStore
  readonly #network: SimulatedNetwork
  readonly #drivers: ProcessDriver<Operation>[]
  readonly #violations: Violation[] = []
  #dueCrashes: DueCrash[] = []

  constructor(plan: SimulationPlan<Operation>, options: SimulationOptions<Operation>) {
    this.#plan = plan
    this.#options = options
    const scheduler = new Scheduler(plan.seed, options.isWorking)
    const story = new Story(() => scheduler.nowMs)
    this.#scheduler = scheduler
    this.#story = story
    this.#mishaps = new PlannedMishaps(plan.crashes)
    this.#store = new SimulatedStore({
      rules: plan.store,
      startMs: START_MS,
      now: () => scheduler.nowMs,
      step: () => scheduler.steps,
      onChange: (version) => this.#noteChange(version),
    })
    this.#network = new SimulatedNetwork({
      seed: plan.seed,
      scheduler,
      store: this.#store,
      story,
      mishaps: this.#mishaps,
      timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      slowestMs: options.slowestMs ?? DEFAULT_SLOWEST_MS,
      onCrash: (process, { restartAfterMs }) => this.#dueCrashes.push({ process, restartAfterMs }),
    })
    this.#drivers = plan.processes.map((process, index) =>
      this.#createDriver(`p${index + 1}`, index, process),
    )
  }

  async run(): Promise<void> {
    for (const driver of this.#drivers) driver.start()
    await this.#runUntilQuiet()
    const { epilogue = [] } = this.#plan
    if (epilogue.length === 0 || this.#violations.length > 0) return
    const operations = epilogue.map((operation): PlannedOperation<Operation> => ({
      operation,
      start: 'turn',
      pauseMs: 0,
      faults: [],
      crash: undefined,
    }))
    const last = this.#createDriver('last', undefined, { skewMs: 0, clockJumps: [], operations })
    this.#drivers.push(last)
    last.start()
    await this.#runUntilQuiet()
  }

  result(): SimulationResult<Operation> {
    return {
      story: this.#story.lines,
      operations: this.#drivers.flatMap(({ records }) => records).sort((a, b) => a.startStep - b.startStep),
      store: this.#store.history,
      violations: this.#violations,
      steps: this.#scheduler.steps,
      elapsedMs: this.#scheduler.nowMs,
    }
  }

  /** Until every process has ended and nothing is on its way any more. */
  async #runUntilQuiet(): Promise<void> {
    const { maxSteps = DEFAULT_MAX_STEPS } = this.#options
    await this.#scheduler.drain()
    while (this.#violations.length === 0 && (this.#scheduler.isBusy || !this.#areAllDone())) {
      this.#crashDue()
      if (this.#scheduler.steps >= maxSteps)
        return this.#blame('no-progress', `not at an end after ${maxSteps} steps`)
      if (!(await this.#scheduler.step())) break
    }
    for (const driver of this.#drivers) this.#findDefects(driver)
  }

  #areAllDone(): boolean {
    return this.#drivers.every(({ isDone }) => isDone)
  }

  #findDefects(driver: ProcessDriver<Operation>): void {
    if (driver.defect !== undefined)
      this.#blame('defect', `a process failed to start or stop: ${describeError(driver.defect)}`)
    if (driver.isDone || this.#violations.length > 0) return
    const waiting = driver.waiting.join(' ')
    this.#blame('never-ended', `nothing can happen any more, and these operations wait: ${waiting}`)
  }

  #crashDue(): void {
    const due = [...this.#dueCrashes, ...this.#mishaps.crashesAtStep(this.#scheduler.steps + 1)]
    this.#dueCrashes = []
    for (const { process, restartAfterMs } of due) {
      if (process < this.#plan.processes.length) this.#drivers[process]?.crash(restartAfterMs)
    }
  }

  #blame(property: Violation['property'], message: string): void {
    this.#violations.push({ property, message })
  }

  #noteChange(version: StoredVersion): void {
    this.#story.tell('store', describeChange(version))
    const violation = this.#options.watch?.(version, this.#store.history)
    if (violation !== undefined) this.#violations.push(violation)
  }

  #createDriver(
    name: string,
    index: number | undefined,
    plan: ProcessPlan<Operation>,
  ): ProcessDriver<Operation> {
    const disk = new Map<string, unknown>()
    const { describe = describeOperation, system } = this.#options
    return new ProcessDriver({
      name,
      operations: plan.operations,
      system,
      scheduler: this.#scheduler,
      story: this.#story,
      open: (start) => this.#openProcess(start, { index, plan, disk }),
      describe: (operation) => describe(operation),
      onBegin: (planned) => {
        if (index !== undefined) this.#mishaps.begin(index, planned)
      },
    })
  }

  #openProcess(
    { name, life, running, crash }: ProcessStart,
    {
      index,
      plan,
      disk,
    }: { index: number | undefined; plan: ProcessPlan<Operation>; disk: Map<string, unknown> },
  ): SimulatedProcess {
    const sender = { name, index, life, operations: running }
    const clock = { scheduler: this.#scheduler, process: name, life, startMs: START_MS }
    return {
      name,
      disk,
      clock: createSimulatedClock(plan, clock),
      ids: createSimulatedIds(this.#plan.seed, name),
      objects: createSimulatedClient(this.#network, sender, this.#plan.store.pageSize),
      crash,
    }
  }
}
