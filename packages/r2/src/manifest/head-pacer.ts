import { activeWriters, lastWriter } from './active-writers.ts'
import type { ManifestContext } from './manifest-context.ts'
import type { Snapshot } from './snapshot.ts'

/** Until a store says "too many writes of this key" it is not known to have a limit; this is R2's, milliseconds. */
const LIMITED_INTERVAL_MS = 1_000

/** From the moment a version says it was written to the moment the store has it, milliseconds. A little more than usual. */
const LANDING_MS = 200

/** Between the turns of two writers of one head, milliseconds: time for the one before to be seen. */
const TURN_MS = 350

/**
 * When a writer may write the head next, on a store that allows one write of a key per interval. Alone it waits out the
 * interval. Of several, each lets the others have their turn first: whoever wrote last would otherwise win again, being
 * the first to know the new version, and the others would starve (findings: 4 writers, p99 312 s against 12.6 s).
 */
export class HeadPacer {
  readonly #context: Pick<ManifestContext, 'clock' | 'ids'>
  #intervalMs: number
  #lastWriteAt = Number.NEGATIVE_INFINITY
  #tossed: { readonly etag: string; readonly result: boolean } | undefined

  constructor(context: Pick<ManifestContext, 'clock' | 'ids' | 'headIntervalMs'>) {
    this.#context = context
    this.#intervalMs = context.headIntervalMs
  }

  get intervalMs(): number {
    return this.#intervalMs
  }

  /** A write was sent, or answered: the store may have counted it at any moment in between. */
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

  /** How many writers come before this one: 0 when it is its turn. */
  turn(snapshot: Snapshot | undefined, writer: string): number {
    if (this.#intervalMs === 0 || snapshot === undefined) return 0
    const { header } = snapshot.version.head
    const order = activeWriters(header)
    const last = order.indexOf(lastWriter(header) ?? '')
    const mine = order.indexOf(writer)
    if (last === -1) return 0
    // Who is new here has no place in the order. Were it always the last, it would wait as long as the others have work.
    if (mine === -1) return this.#toss(snapshot) ? 0 : order.length
    return (mine - last - 1 + order.length) % order.length
  }

  /** Milliseconds until the writer's turn. */
  delayMs(snapshot: Snapshot | undefined, writer: string): number {
    if (this.#intervalMs === 0) return 0
    const now = this.#context.clock.now()
    const sinceMine = this.#lastWriteAt + this.#intervalMs - now
    if (snapshot === undefined) return clamp(sinceMine, this.#intervalMs)
    // Another host's clock may be ahead; what this process saw cannot have happened later than it saw it.
    const writtenAt = Math.min(Date.parse(snapshot.version.head.header.at), snapshot.seenAt)
    const yieldMs = this.turn(snapshot, writer) * TURN_MS + this.#courtesyMs(snapshot, writer)
    return clamp(
      Math.max(sinceMine, writtenAt + this.#intervalMs + yieldMs - now),
      this.#intervalMs + yieldMs,
    )
  }

  /** What a writer waits besides turns: so that the version before has landed, and so that a new writer gets in. */
  #courtesyMs(snapshot: Snapshot, writer: string): number {
    const { header } = snapshot.version.head
    const order = activeWriters(header)
    if (!order.includes(writer)) return 0
    if (lastWriter(header) !== writer) return LANDING_MS
    return order.length === 1 && this.#toss(snapshot) ? TURN_MS : 0
  }

  /** By chance, and for each version anew. */
  #toss({ version }: Snapshot): boolean {
    if (this.#tossed?.etag !== version.etag)
      this.#tossed = { etag: version.etag, result: this.#context.ids.random() < 0.5 }
    return this.#tossed.result
  }
}

/** Never longer than the most it can be, should the clock have been set back. */
function clamp(delayMs: number, mostMs: number): number {
  return Math.max(0, Math.min(delayMs, mostMs))
}
