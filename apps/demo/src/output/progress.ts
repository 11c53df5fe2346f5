import cliProgress from 'cli-progress'
import { formatBytes, formatCount } from './format-quantity.ts'

/** How far something has come that may take longer than a second. */
export interface Progress {
  advance(count: number): void
  stop(): void
}

export interface ProgressOptions {
  readonly total: number
  /** What is counted, in the plural. */
  readonly unit: 'films' | 'rows' | 'records' | 'bytes'
}

/** A log is read later: one line a second is enough, and none for what is done sooner. */
const LOG_INTERVAL_MS = 1_000

/** A terminal shows no more than this, and drawing for every row would take longer than storing it. */
const BAR_INTERVAL_MS = 50

/** In a terminal: a bar that disappears when it is done. `now` in milliseconds. */
export function createBar(
  stream: NodeJS.WritableStream,
  options: ProgressOptions,
  now: () => number,
): Progress {
  const startedAt = now()
  let drawnAt = startedAt
  let done = 0
  const bar = new cliProgress.SingleBar({
    stream,
    format: '  {bar} {text}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    clearOnComplete: true,
    // On means left alone: an interrupted tour must not leave the terminal without line breaks.
    linewrap: true,
  })
  bar.start(options.total, 0, { text: '' })
  return {
    advance(count) {
      done += count
      if (done < options.total && now() - drawnAt < BAR_INTERVAL_MS) return
      drawnAt = now()
      bar.update(done, { text: describe(done, drawnAt - startedAt, options) })
    },
    stop: () => bar.stop(),
  }
}

/** Where the output is not a terminal: plain lines. `now` in milliseconds. */
export function createLogProgress(
  write: (line: string) => void,
  options: ProgressOptions,
  now: () => number,
): Progress {
  const startedAt = now()
  let loggedAt = startedAt
  let done = 0
  return {
    advance(count) {
      done += count
      if (done >= options.total || now() - loggedAt < LOG_INTERVAL_MS) return
      loggedAt = now()
      write(`  ... ${describe(done, loggedAt - startedAt, options)}`)
    },
    stop() {},
  }
}

/** Hands the rows on and counts them as they are taken. */
export function* countRows<Row>(rows: readonly Row[], progress: Progress): Generator<Row> {
  for (const row of rows) {
    yield row
    progress.advance(1)
  }
}

/** Hands the chunks on and counts their bytes as they are taken. */
export async function* countBytes(
  chunks: AsyncIterable<Uint8Array>,
  progress: Progress,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    yield chunk
    progress.advance(chunk.byteLength)
  }
}

function describe(done: number, elapsedMs: number, { total, unit }: ProgressOptions): string {
  const perSecond = done / Math.max(elapsedMs / 1000, 0.001)
  if (unit === 'bytes') return `${formatBytes(done)} of ${formatBytes(total)}, ${formatBytes(perSecond)}/s`
  return `${formatCount(done)} of ${formatCount(total)} ${unit}, ${formatCount(perSecond)}/s`
}
