export interface StoryLine {
  /** Milliseconds since the simulation began. */
  readonly atMs: number
  /** A process, `store`, or `network`. */
  readonly actor: string
  readonly text: string
}

/** What happened, told in order. */
export class Story {
  readonly lines: StoryLine[] = []
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  tell(actor: string, text: string): void {
    this.lines.push({ atMs: this.#now(), actor, text })
  }
}

/** Numbered lines: time in seconds, who, what. */
export function formatStory(lines: readonly StoryLine[]): string {
  const width = Math.max(0, ...lines.map(({ actor }) => actor.length))
  return lines
    .map(({ atMs, actor, text }, index) => {
      const number = String(index + 1).padStart(4)
      const time = (atMs / 1_000).toFixed(3).padStart(9)
      return `${number} ${time} s  ${actor.padEnd(width)}  ${text}`
    })
    .join('\n')
}
