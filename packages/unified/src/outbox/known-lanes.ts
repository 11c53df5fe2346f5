import type { UmbraError } from '@umbra/core'
import type { Lane, LaneBacklog } from '@umbra/sqlite'
import type { Alerts } from './alerts.ts'
import { newLaneState } from './lane-state.ts'
import type { LaneState } from './lane-state.ts'

/** What this process knows of lanes. They are as many as namespaces and blobs: nothing is kept of one in which nothing waits. */
export class KnownLanes {
  readonly #states = new Map<string, LaneState>()
  readonly #backlog: () => readonly LaneBacklog[]
  readonly #alerts: Pick<Alerts, 'end'>

  constructor(backlog: () => readonly LaneBacklog[], alerts: Pick<Alerts, 'end'>) {
    this.#backlog = backlog
    this.#alerts = alerts
  }

  get size(): number {
    return this.#states.size
  }

  /** To run the lane, or to wait for it. */
  open(lane: Lane): LaneState {
    const known = this.#states.get(lane.path)
    if (known !== undefined) return known
    const state = newLaneState(lane)
    this.#states.set(lane.path, state)
    return state
  }

  find(path: string): LaneState | undefined {
    return this.#states.get(path)
  }

  running(): readonly Promise<void>[] {
    return [...this.#states.values()].flatMap(({ running }) => running ?? [])
  }

  /** Lanes whose operations wait until somebody mends something. */
  paused(): readonly { readonly path: string; readonly error: UmbraError }[] {
    const paused = [...this.#states.values()].flatMap(({ lane, paused: error }) =>
      error === undefined ? [] : [{ path: lane.path, error }],
    )
    if (paused.length === 0) return paused
    // Another process may have sent everything since.
    const waiting = pathsOf(this.#backlog())
    return paused.filter(({ path }) => waiting.has(path))
  }

  pausedBy(path: string): UmbraError | undefined {
    if (this.#states.get(path)?.paused === undefined) return undefined
    return this.paused().find((one) => one.path === path)?.error
  }

  /** Forgets the waiting times: everything may be tried now, but what other processes take from this one. */
  hurry(): void {
    for (const state of this.#states.values()) if (state.losses === 0) state.retryAt = 0
  }

  /** The lane's sender has ended, and nothing is left in it. */
  forget(state: LaneState): void {
    if (!isIdle(state)) return
    this.#states.delete(state.lane.path)
    // What it waited for somebody to mend, another process has sent.
    this.#alerts.end(state)
  }

  /** Forgets the lanes that others have emptied. */
  forgetDrained(backlog: readonly LaneBacklog[]): void {
    const waiting = pathsOf(backlog)
    for (const state of this.#states.values()) if (!waiting.has(state.lane.path)) this.forget(state)
  }
}

function isIdle({ waiters, running }: LaneState): boolean {
  return waiters.size === 0 && running === undefined
}

function pathsOf(backlog: readonly LaneBacklog[]): ReadonlySet<string> {
  return new Set(backlog.map(({ lane }) => lane.path))
}
