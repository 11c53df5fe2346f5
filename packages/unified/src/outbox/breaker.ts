import { hasErrorCode, retryDelayMs, UmbraError } from '@umbra/core'
import type { Clock, IdSource } from '@umbra/core'
import { CircuitState, ConsecutiveBreaker, CountBreaker } from 'cockatiel'
import { isOutage } from './classify-failure.ts'
import type { OutboxPolicy } from './outbox-policy.ts'

/** Opens too when more than this part of the last calls failed. */
const FAILED_PART = { threshold: 0.5, size: 20 }

export interface BreakerContext {
  readonly clock: Clock
  readonly ids: Pick<IdSource, 'random'>
  readonly policy: Pick<OutboxPolicy, 'failuresInARow' | 'breakMs' | 'maxBreakMs'>
  readonly onOpen: (reason: UmbraError) => void
  readonly onClose: () => void
}

/**
 * Leaves a store alone that does not answer. When to open is decided by cockatiel's breakers; time is the injected clock's,
 * which cockatiel's own policy does not take.
 */
export class Breaker {
  readonly #context: BreakerContext
  #deciders: readonly (ConsecutiveBreaker | CountBreaker)[]
  #state: 'closed' | 'open' | 'half-open' = 'closed'
  #openedAt = 0
  #breakMs = 0
  #breaks = 0
  #reason: unknown

  constructor(context: BreakerContext) {
    this.#context = context
    this.#deciders = newDeciders(context.policy)
  }

  get state(): 'closed' | 'open' | 'half-open' {
    return this.#state
  }

  /** Whether a call would be let through now. */
  get passable(): boolean {
    return this.#state === 'closed' || (this.#state === 'open' && this.dueInMs === 0)
  }

  /** Milliseconds until the store may be tried again. */
  get dueInMs(): number {
    if (this.#state !== 'open') return 0
    const passedMs = this.#context.clock.now() - this.#openedAt
    // A clock that was set back must not keep it open.
    return passedMs < 0 ? 0 : Math.max(this.#breakMs - passedMs, 0)
  }

  /** Lets the next call try, whatever the time. */
  hurry(): void {
    this.#breakMs = 0
  }

  /** Runs a call, or rejects with `UNAVAILABLE` and `details.reason` `breaker-open` without running it. */
  async run<T>(call: () => Promise<T>): Promise<T> {
    if (!this.passable) throw notTried(this.#reason)
    if (this.#state === 'open') this.#state = 'half-open'
    try {
      const result = await call()
      this.#success()
      return result
    } catch (error) {
      // An answer that says no is an answer.
      if (isOutage(error)) this.#failure(error)
      else this.#success()
      throw error
    }
  }

  /** Opens without a call, because the store did not answer somebody else. */
  trip(reason: UmbraError): void {
    if (this.#state === 'closed') this.#open(reason)
  }

  #success(): void {
    const wasClosed = this.#state === 'closed'
    for (const decider of this.#deciders) decider.success(CircuitState.Closed)
    if (wasClosed) return
    this.#state = 'closed'
    this.#breaks = 0
    this.#deciders = newDeciders(this.#context.policy)
    this.#context.onClose()
  }

  #failure(error: unknown): void {
    if (this.#state === 'open') return
    const decided = this.#deciders.map((decider) => decider.failure(CircuitState.Closed))
    if (this.#state === 'half-open' || decided.includes(true)) this.#open(error)
  }

  #open(error: unknown): void {
    const wasClosed = this.#state === 'closed'
    const { clock, ids, policy, onOpen } = this.#context
    this.#state = 'open'
    this.#reason = error
    this.#openedAt = clock.now()
    this.#breaks++
    const longest = { maxAttempts: Infinity, baseDelayMs: policy.breakMs, maxDelayMs: policy.maxBreakMs }
    // At least half of it: a try that follows at once would count as the next failure.
    this.#breakMs = retryDelayMs(longest, this.#breaks, 0.5 + ids.random() / 2)
    if (wasClosed) onOpen(notTried(error))
  }
}

export function isNotTried(error: unknown): boolean {
  return hasErrorCode(error, 'UNAVAILABLE') && error.details['reason'] === 'breaker-open'
}

function notTried(cause: unknown): UmbraError {
  return new UmbraError('UNAVAILABLE', 'the store did not answer before and is left alone for a while', {
    cause,
    details: { reason: 'breaker-open' },
  })
}

function newDeciders({ failuresInARow }: BreakerContext['policy']): (ConsecutiveBreaker | CountBreaker)[] {
  return [new ConsecutiveBreaker(failuresInARow), new CountBreaker(FAILED_PART)]
}
