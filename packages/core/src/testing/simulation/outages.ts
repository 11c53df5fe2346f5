/** Faults that last. */
export type OutageKind = 'network-down' | 'credentials-refused'

/** Which processes suffer from what, and for how long. */
export class Outages {
  /** Until when, milliseconds since the simulation began. */
  readonly #ends = new Map<string, number>()

  begin(kind: OutageKind, process: number, untilMs: number): void {
    this.#ends.set(`${kind} ${process}`, untilMs)
  }

  isOn(kind: OutageKind, process: number, nowMs: number): boolean {
    const untilMs = this.#ends.get(`${kind} ${process}`)
    return untilMs !== undefined && nowMs <= untilMs
  }
}
