import type { LaneBacklog } from '@umbra/sqlite'
import type { Dispatcher } from './dispatcher.ts'
import type { KnownLanes } from './known-lanes.ts'
import { longestRetryMs } from './lane-retry.ts'
import type { LaneState } from './lane-state.ts'
import { probeLane } from './probe-lane.ts'
import type { SendContext } from './send-context.ts'
import { Sleeper } from './sleeper.ts'

/** Between two looks at the outbox while nothing else is due: another process may have left something. */
const LOOK_MS = 5_000

/**
 * Sends what is pending, in the background, while there is any: tries the store when its time has come, then waits a random
 * while, so that all clients of a store that comes back do not come at once, then drains one lane, two, four, and so on.
 */
export class Drainer {
  readonly #context: SendContext
  readonly #lanes: KnownLanes
  readonly #dispatcher: Dispatcher
  readonly #sleeper: Sleeper
  #loop: Promise<void> | undefined
  #closed = false
  #rampAt = 0
  #parallel: number
  #active = 0
  #hadBacklog = false

  constructor(context: SendContext, lanes: KnownLanes, dispatcher: Dispatcher) {
    this.#context = context
    this.#lanes = lanes
    this.#dispatcher = dispatcher
    this.#sleeper = new Sleeper(context.clock)
    this.#parallel = context.policy.maxParallelLanes
  }

  /** Whether what is pending waits for its random while. */
  get isHeldBack(): boolean {
    const { clock, policy } = this.#context
    const leftMs = this.#rampAt - clock.now()
    // A clock that was set back must not hold it back any longer than it may.
    return leftMs > 0 && leftMs <= policy.recoveryJitterMs
  }

  /** The store is away: when it is back, begin slowly. */
  onOutage(): void {
    this.#parallel = 1
  }

  onRecovery(): void {
    const { clock, ids, policy } = this.#context
    this.#rampAt = clock.now() + Math.floor(ids.random() * policy.recoveryJitterMs)
    this.#sleeper.wake()
  }

  /** Something is pending. */
  wake(): void {
    if (this.#closed) return
    if (this.#loop === undefined) this.#loop = this.#runSafely()
    else this.#sleeper.wake()
  }

  /** Now, whatever was planned. */
  hurry(): void {
    this.#rampAt = 0
    this.#context.breaker.hurry()
    this.#lanes.hurry()
    this.wake()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#dispatcher.stop()
    this.#sleeper.wake()
    await this.#loop
    await this.#dispatcher.settled()
  }

  /** When the file itself fails it says so once, and tries again: nobody else would send what waits in it. */
  async #runSafely(): Promise<void> {
    while (!this.#closed) {
      try {
        await this.#run()
        break
      } catch (error) {
        this.#context.alerts.begin('file', error)
      }
      await this.#sleeper.sleep(this.#context.policy.maxBreakMs)
    }
    this.#loop = undefined
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const backlog = this.#context.outbox.backlog()
      this.#lanes.forgetDrained(backlog)
      if (backlog.length === 0) {
        // Otherwise when an outcome is written down: that the file can be read says little.
        this.#context.alerts.end('file')
        if (this.#hadBacklog) this.#context.events.emit('drained', {})
        this.#hadBacklog = false
        return
      }
      this.#hadBacklog = true
      await this.#sleeper.sleep(await this.#step(backlog))
    }
  }

  /** Does what is due; resolves to the milliseconds until something else may be. */
  async #step(backlog: readonly LaneBacklog[]): Promise<number> {
    const { breaker, clock } = this.#context
    if (!breaker.passable) return breaker.state === 'half-open' ? LOOK_MS : breaker.dueInMs
    if (breaker.state !== 'closed') {
      const [first] = backlog
      if (first !== undefined) await probeLane(this.#context, first.lane)
      return 0
    }
    if (this.isHeldBack) return this.#rampAt - clock.now()
    return this.#startLanes(backlog)
  }

  #startLanes(backlog: readonly LaneBacklog[]): number {
    const now = this.#context.clock.now()
    let nextMs = LOOK_MS
    for (const { lane } of backlog) {
      const known = this.#lanes.find(lane.path)
      if (known?.running !== undefined) continue
      const dueInMs = this.#dueInMs((known?.retryAt ?? 0) - now)
      if (dueInMs > 0) nextMs = Math.min(nextMs, dueInMs)
      else if (this.#active < this.#parallel) this.#start(this.#lanes.open(lane))
    }
    return nextMs
  }

  /** No wait is longer than the longest one, except by a clock that was set back. */
  #dueInMs(waitMs: number): number {
    return waitMs > longestRetryMs(this.#context.policy) ? 0 : waitMs
  }

  #start(state: LaneState): void {
    this.#active++
    void this.#dispatcher.run(state).finally(() => {
      this.#active--
      const most = this.#context.policy.maxParallelLanes
      this.#parallel =
        state.failures > 0 ? Math.max(1, this.#parallel >> 1) : Math.min(most, this.#parallel * 2)
      this.#sleeper.wake()
    })
  }
}
