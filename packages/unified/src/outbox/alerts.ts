import { isUmbraError, UmbraError } from '@umbra/core'
import type { StorageEvents } from '@umbra/core'
import type { EventHub } from './event-hub.ts'

/**
 * What keeps writes from being sent just now: the store, the file, lanes that wait until somebody mends something. Each is announced when it
 * begins (`degraded`), and the end of the last of them (`recovered`), so that who raises an alarm at the one can end it at the other.
 */
export class Alerts {
  readonly #standing = new Map<object | string, StorageEvents['degraded']>()
  readonly #events: EventHub
  readonly #countPending: () => number

  constructor(events: EventHub, countPending: () => number) {
    this.#events = events
    this.#countPending = countPending
  }

  /** What began and is not over. */
  standing(): Iterable<StorageEvents['degraded']> {
    return this.#standing.values()
  }

  begin(what: object | string, error: unknown): void {
    if (this.#standing.has(what)) return
    const about = { reason: toReason(error) }
    this.#standing.set(what, about)
    this.#events.emit('degraded', about)
  }

  end(what: object | string): void {
    if (!this.#standing.delete(what) || this.#standing.size > 0) return
    this.#events.emit('recovered', { pending: this.#pending() })
  }

  /** A file that fails just now is found out by whoever sends from it. */
  #pending(): number {
    try {
      return this.#countPending()
    } catch {
      return 0
    }
  }
}

function toReason(error: unknown): UmbraError {
  if (isUmbraError(error)) return error
  return new UmbraError('INTERNAL', 'sending what is pending failed', { cause: error })
}
