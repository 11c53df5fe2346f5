/** Something that is run again and again, each time with another seed, until a promise is broken or the time is up. */
export interface SoakLoop {
  readonly name: string
  /** One pass. The same seed tries the same things; what the machine does in between is its own. */
  pass(seed: number, say: (line: string) => void): Promise<SoakPass>
  /** Frees what the passes share. */
  close(): Promise<void>
}

export interface SoakPass {
  /** How often each thing happened, to be summed up over the passes. */
  readonly counts: Readonly<Record<string, number>>
  /** What went against a promise; nothing in a good pass. */
  readonly violations: readonly string[]
}

/** How much one pass of a loop that kills processes does. */
export interface SoakSize {
  readonly kills: number
  /** Writes begun in all. */
  readonly operations: number
}
