import picocolors from 'picocolors'
import { createBar, createLogProgress } from './progress.ts'
import type { Progress, ProgressOptions } from './progress.ts'
import { cutText, wrapText } from './wrap-text.ts'

/** Wider lines are hard to read, however wide the terminal is. */
const MAX_WIDTH = 100

/** Everything the tour prints goes through here. */
export interface Output {
  /** Characters that fit into a line of data. */
  readonly width: number
  title(text: string): void
  chapter(text: string): void
  scenario(text: string): void
  /** What is being shown and why it matters. Said once: later chapters show the same on another backend. */
  explain(text: string): void
  /** Something that was measured or checked just now. */
  result(text: string): void
  /** More about the last result. */
  detail(text: string): void
  /** A line of data, cut to the width. */
  data(text: string): void
  progress(options: ProgressOptions): Progress
  /** Takes an unfinished bar off the screen, before something else is written. */
  stopProgress(): void
}

/** As much of a terminal, or of a pipe, as is needed to write to it. */
export interface OutputStream extends NodeJS.WritableStream {
  readonly columns?: number | undefined
  readonly isTTY?: boolean
}

export function createOutput(stream: OutputStream): Output {
  // A log is plain even on build servers, where colours count as supported.
  const pc = picocolors.createColors(stream.isTTY === true && picocolors.isColorSupported)
  const width = Math.min(stream.columns ?? MAX_WIDTH, MAX_WIDTH)
  const write = (line: string) => void stream.write(`${line}\n`)
  const said = new Set<string>()
  let running: Progress | undefined
  return {
    width: width - 4,
    title: (text) => write(pc.bold(text)),
    chapter: (text) => write(`\n\n${pc.bold(pc.cyan(`${text} `.padEnd(width, '═')))}`),
    scenario: (text) => write(`\n${pc.bold(text)}`),
    explain(text) {
      if (said.has(text)) return
      said.add(text)
      for (const line of wrapText(text, width, '  ')) write(pc.dim(line))
    },
    result(text) {
      const [first = '', ...rest] = wrapText(text, width, '    ')
      write(`  ${pc.green('✔')} ${first.trimStart()}`)
      rest.forEach(write)
    },
    detail: (text) => wrapText(text, width, '    ').forEach(write),
    data: (text) => write(cutText(`    ${text}`, width)),
    progress(options) {
      const now = () => performance.now()
      running = stream.isTTY ? createBar(stream, options, now) : createLogProgress(write, options, now)
      return running
    },
    stopProgress: () => running?.stop(),
  }
}
