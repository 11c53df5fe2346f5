import { hashOf } from './seeded-random.ts'

export interface SimulatedEvent {
  /** `wire`: something is on its way and will happen even when nobody waits. `timer`: somebody waits for time to pass. */
  readonly kind: 'wire' | 'timer'
  /** From now, milliseconds. */
  readonly delayMs: number
  /** Of events that are due together, decides with the seed which one comes first. */
  readonly name: string
  readonly run: () => void
}

interface ScheduledEvent extends SimulatedEvent {
  readonly atMs: number
  readonly rank: number
}

/**
 * The only thing in a simulation that makes anything happen. Each step runs one event and then lets every promise that
 * can go on do so; time jumps from event to event.
 */
export class Scheduler {
  readonly #seed: number
  readonly #isWorking: () => boolean
  /** Latest first, so that the next one is taken off the end. */
  readonly #events: ScheduledEvent[] = []
  #nowMs = 0
  #steps = 0
  #onTheWire = 0

  /** @param isWorking - whether something goes on that needs another turn of the event loop. */
  constructor(seed: number, isWorking = () => false) {
    this.#seed = seed
    this.#isWorking = isWorking
  }

  /** Milliseconds since the simulation began. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Number of the step that is running, or of the last one. Orders what happens at one moment. */
  get steps(): number {
    return this.#steps
  }

  /** Whether requests or answers are still on their way. */
  get isBusy(): boolean {
    return this.#onTheWire > 0
  }

  /** Returns a function that takes the event back; it does nothing once the event has run. */
  schedule(event: SimulatedEvent): () => void {
    const scheduled: ScheduledEvent = {
      ...event,
      // Whole milliseconds, as clocks and real timers have.
      atMs: this.#nowMs + Math.max(0, Math.ceil(event.delayMs)),
      rank: hashOf(this.#seed, event.name),
    }
    this.#events.splice(this.#placeOf(scheduled), 0, scheduled)
    if (event.kind === 'wire') this.#onTheWire++
    return () => this.#remove(scheduled)
  }

  /** Runs the next event; false when there is none, so that nothing can ever happen again. */
  async step(): Promise<boolean> {
    const next = this.#events.pop()
    if (next === undefined) return false
    if (next.kind === 'wire') this.#onTheWire--
    this.#nowMs = next.atMs
    this.#steps++
    next.run()
    await this.drain()
    return true
  }

  /** Lets every promise that can go on do so. A turn of the event loop comes only after all of them. */
  async drain(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve))
    while (this.#isWorking())
  }

  /** Binary search; behind all that come before it, in front of those equal to it. */
  #placeOf(event: ScheduledEvent): number {
    let low = 0
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = this.#events[middle]
      if (other !== undefined && isLater(other, event)) low = middle + 1
      else high = middle
    }
    return low
  }

  #remove(event: ScheduledEvent): void {
    const index = this.#events.indexOf(event)
    if (index === -1) return
    this.#events.splice(index, 1)
    if (event.kind === 'wire') this.#onTheWire--
  }
}

function isLater(event: ScheduledEvent, than: ScheduledEvent): boolean {
  return event.atMs === than.atMs ? event.rank > than.rank : event.atMs > than.atMs
}
