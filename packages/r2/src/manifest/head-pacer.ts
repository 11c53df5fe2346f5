import { activeWriters, lastWriter } from './active-writers.ts'
import type { ManifestContext } from './manifest-context.ts'
import type { Snapshot } from './snapshot.ts'

/** Until a store says "too many writes of this key" it is not known to have a limit; this is R2's, milliseconds. */
const LIMITED_INTERVAL_MS = 1_000

/** Between the turns of two writers of one head, milliseconds: time for the one before to be seen. */
const TURN_MS = 350

/** Between a version's own time and its taking effect, milliseconds: it is planned before it is sent. */
const SENDING_MS = 300

/**
 * When a writer may write the head next, on a store that allows one write of a key per interval. Alone it waits out the
 * interval. Of several, each lets the others have their turn first: whoever wrote last would otherwise win again, being
 * the first to know the new version, and the others would starve (findings: 4 writers, p99 312 s against 12.6 s).
 */
export class HeadPacer {
  readonly #context: Pick<ManifestContext, 'clock' | 'ids'>
  #intervalMs: number
  #lastWriteAt = Number.NEGATIVE_INFINITY

  constructor(context: Pick<ManifestContext, 'clock' | 'ids' | 'headIntervalMs'>) {
    this.#context = context
    this.#intervalMs = context.headIntervalMs
  }

  get intervalMs(): number {
    return this.#intervalMs
  }

  /** Called when a write is sent and again when it is answered: it took effect at some moment between the two. */
  noteWrite(): void {
    this.#lastWriteAt = this.#context.clock.now()
  }

  /** The last write did not take effect, because another one was first. */
  noteLoss(): void {
    this.#lastWriteAt = Number.NEGATIVE_INFINITY
  }

  /** The store refused a write as one too many: it has a limit, and had one all along. */
  noteRefusal(): void {
    this.#intervalMs = Math.max(this.#intervalMs, LIMITED_INTERVAL_MS)
  }

  /**
   * How many turns the writer lets pass, possibly a fraction: 0 when it is its turn. The others do not know yet of a writer
   * that is new here, so it takes any place; and a writer that seems to be alone leaves a gap for one.
   */
  turn(snapshot: Snapshot | undefined, writer: string): number {
    if (this.#intervalMs === 0 || snapshot === undefined) return 0
    const { header } = snapshot.version.head
    const order = activeWriters(header)
    const last = order.indexOf(lastWriter(header) ?? '')
    const mine = order.indexOf(writer)
    if (mine === -1) return this.#context.ids.random() * order.length
    if (order.length < 2) return this.#context.ids.random()
    return last === -1 ? 0 : (mine - last - 1 + order.length) % order.length
  }

  /** Milliseconds until then. */
  delayMs(snapshot: Snapshot | undefined, turn: number): number {
    if (this.#intervalMs === 0) return 0
    const now = this.#context.clock.now()
    const sinceMine = this.#lastWriteAt + this.#intervalMs - now
    if (snapshot === undefined) return clamp(sinceMine, this.#intervalMs)
    const { header } = snapshot.version.head
    // Another host's clock may be ahead; what this process saw cannot have happened later than it saw it.
    const writtenAt = Math.min(Date.parse(header.at) + SENDING_MS, snapshot.seenAt)
    const turnsMs = turn * TURN_MS
    const sinceTheirs = writtenAt + this.#intervalMs + turnsMs - now
    return clamp(Math.max(sinceMine, sinceTheirs), this.#intervalMs + turnsMs + SENDING_MS)
  }
}

/** Never longer than the most it can be, should the clock have been set back. */
function clamp(delayMs: number, mostMs: number): number {
  return Math.max(0, Math.min(delayMs, mostMs))
}
