import type { Clock } from '@umbra/core'

/** As much of a stream as is needed. */
export interface StatusStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export interface StatusLine {
  /** Asks for the text only when it is shown. */
  show(text: () => string): void
  /** Leaves nothing of it on a terminal. */
  clear(): void
}

/** A log is read later: a line every few seconds is enough. */
const LOG_INTERVAL_MS = 5_000
/** Nobody reads faster. */
const TERMINAL_INTERVAL_MS = 100
const CLEAR_LINE = '\r\u001B[2K'

/** One line that is rewritten on a terminal; elsewhere plain lines now and then. */
export function createStatusLine(stream: StatusStream, clock: Clock): StatusLine {
  const onTerminal = stream.isTTY === true
  const intervalMs = onTerminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS
  let shownAt = onTerminal ? Number.NEGATIVE_INFINITY : clock.now()
  return {
    show(text) {
      const now = clock.now()
      if (now - shownAt < intervalMs) return
      shownAt = now
      const shown = text()
      stream.write(onTerminal ? `${CLEAR_LINE}${shown.slice(0, (stream.columns ?? 80) - 1)}` : `${shown}\n`)
    },
    clear() {
      if (onTerminal) stream.write(CLEAR_LINE)
    },
  }
}
