import type { EventEmitter } from 'node:events'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** The part of `process` that is needed here. */
export interface SignalSource extends Pick<EventEmitter, 'on'> {
  exit(code: number): void
}

/**
 * On the first signal to stop runs `stop` and exits with the code it resolves to, or with 1 when it fails; on the
 * second exits at once with 1.
 */
export function stopOnSignal(source: SignalSource, stop: (signal: string) => Promise<number>): void {
  let stopping = false
  for (const signal of SIGNALS) {
    source.on(signal, () => {
      if (stopping) {
        source.exit(1)
        return
      }
      stopping = true
      stop(signal).then(
        (code) => source.exit(code),
        () => source.exit(1),
      )
    })
  }
}
