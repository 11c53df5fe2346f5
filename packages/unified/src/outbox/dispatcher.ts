import { isUmbraError, UmbraError } from '@umbra/core'
import type { Appended, DecidedOperation, Lane } from '@umbra/sqlite'
import { isNotTried } from './breaker.ts'
import { classifyFailure } from './classify-failure.ts'
import type { KnownLanes } from './known-lanes.ts'
import { lostPauseOf, retryDelayOf, TAKEN_RETRY_MS } from './lane-retry.ts'
import { sendLane } from './lane-sender.ts'
import type { RunEnd } from './lane-sender.ts'
import type { Delivery, LaneState } from './lane-state.ts'
import type { SendContext } from './send-context.ts'

/** Between two looks at operations that another process sends for us. */
const LOOK_MS = 20

export interface DispatcherHooks {
  /** Something became pending, or stays so. */
  onPending(): void
  onRefused(state: LaneState, decided: DecidedOperation): Promise<void>
}

/** Runs the lanes of this process: one sender each, and the callers who wait for it. */
export class Dispatcher {
  readonly #context: SendContext
  readonly #hooks: DispatcherHooks
  readonly #lanes: KnownLanes
  #isStopping = false

  constructor(context: SendContext, lanes: KnownLanes, hooks: DispatcherHooks) {
    this.#context = context
    this.#lanes = lanes
    this.#hooks = hooks
  }

  /** Sends the lane's operations and waits for the outcome of this one, for a while. */
  async deliver(lane: Lane, appended: Appended): Promise<Delivery> {
    const state = this.#lanes.open(lane)
    const delivery = new Promise<Delivery>((resolve) => {
      state.waiters.set(appended.pk, { resolve })
    })
    void this.run(state)
    const limit = new AbortController()
    void this.#parkAfter(state, appended.pk, limit.signal)
    try {
      return await delivery
    } finally {
      limit.abort()
    }
  }

  /** Starts the lane's sender, or lets the running one look once more. Never rejects. */
  run(state: LaneState): Promise<void> {
    state.again = true
    state.running ??= this.#runToItsEnd(state)
    return state.running
  }

  /** Ends the sending of what nobody waits for: the rest stays pending. */
  stop(): void {
    this.#isStopping = true
  }

  /** Resolves when no lane is being sent any more. */
  async settled(): Promise<void> {
    // One that ends may start another.
    for (let running = this.#lanes.running(); running.length > 0; running = this.#lanes.running())
      await Promise.all(running)
  }

  async #runToItsEnd(state: LaneState): Promise<void> {
    const end = await this.#runUntilEmpty(state)
    state.running = undefined
    // Asked for after the sender had looked for the last time.
    if (state.again) void this.run(state)
    else if (end === 'empty') this.#lanes.forget(state)
    else this.#hooks.onPending()
  }

  async #runUntilEmpty(state: LaneState): Promise<RunEnd['kind']> {
    for (;;) {
      state.again = false
      const end = await this.#runOnce(state)
      if (end.kind === 'failed') await this.#fail(state, end.error)
      // Answers of a sender that lost its lease come from whoever has it now.
      else if (end.kind === 'lost' && state.waiters.size > 0) state.again = true
      if (end.kind === 'failed' || !state.again) return end.kind
    }
  }

  async #runOnce(state: LaneState): Promise<RunEnd> {
    try {
      const lease = (await this.#context.outbox.lease(state.lane)) ?? (await this.#waitForLease(state))
      if (lease === undefined) return { kind: 'lost' }
      const hooks = { decided: (...about: Parameters<typeof this.decided>) => this.decided(...about) }
      const isStopping = () => this.#isStopping && state.waiters.size === 0
      const end = await sendLane(this.#context, state, { lease, hooks, isStopping })
      // Another process may reach the store that this one cannot. A lease that is not given back runs out.
      if (end.kind === 'failed') await this.#context.outbox.release(lease).catch(() => undefined)
      // Whoever had the lease before may have sent operations of ours.
      if (end.kind !== 'failed') await this.#tellSettled(state)
      if (end.kind === 'lost') await this.#leaveAlone(state)
      return end
    } catch (error) {
      // What the store fails at is a way to end; the file throws.
      this.#context.alerts.begin('file', error)
      return { kind: 'failed', error }
    }
  }

  /** Another process sends: it records what becomes of our operations. Ends when nobody waits, or when it is our turn. */
  async #waitForLease(state: LaneState) {
    const { outbox, clock } = this.#context
    while (state.waiters.size > 0) {
      await clock.sleep(LOOK_MS)
      await this.#tellSettled(state)
      const lease = await outbox.lease(state.lane)
      if (lease !== undefined) return lease
    }
    state.retryAt = clock.now() + TAKEN_RETRY_MS
    return undefined
  }

  /** Leaves time to send to whoever took the lane, and looks meanwhile what becomes of what is waited for. */
  async #leaveAlone(state: LaneState): Promise<void> {
    const { clock, ids } = this.#context
    const pauseMs = lostPauseOf(state.losses++, ids)
    state.retryAt = clock.now() + pauseMs
    for (let look = 0; look * LOOK_MS < pauseMs && state.waiters.size > 0; look++) {
      await clock.sleep(LOOK_MS)
      await this.#tellSettled(state)
    }
  }

  /** Tells whoever waits for an operation that another process sent. */
  async #tellSettled(state: LaneState): Promise<void> {
    for (const [pk, waiter] of state.waiters) {
      const outcome = await this.#context.outbox.settled(pk)
      if (outcome.kind === 'waiting') continue
      state.waiters.delete(pk)
      if (outcome.kind === 'committed') waiter.resolve({ kind: 'committed', entries: undefined })
      else waiter.resolve({ kind: 'conflict', error: outcome.error })
    }
  }

  /** Tells whoever waits. A refusal that nobody waits for here is listed, and announced unless its caller is yet to hear of it. */
  async decided(state: LaneState, decided: readonly DecidedOperation[]): Promise<void> {
    for (const one of decided) {
      const { pk } = one.operation
      const waiter = state.waiters.get(pk)
      const isRefused = one.decision.kind !== 'committed'
      if (waiter !== undefined) {
        try {
          // Its caller is told, so it need not be listed.
          if (isRefused) await this.#context.outbox.settled(pk)
        } finally {
          state.waiters.delete(pk)
          waiter.resolve(one.decision)
        }
      } else if (isRefused) {
        await this.#hooks.onRefused(state, one)
      }
    }
  }

  async #fail(state: LaneState, error: unknown): Promise<void> {
    const { clock, alerts } = this.#context
    if (!isNotTried(error)) state.failures++
    state.losses = 0
    if (classifyFailure(error) === 'pause' && isUmbraError(error)) {
      alerts.begin(state, error)
      state.paused = error
    }
    state.retryAt = clock.now() + retryDelayOf(state, this.#context)
    state.again = false
    try {
      await this.#park(state, [...state.waiters.keys()])
      // What cannot be parked has been decided meanwhile, by whoever took the lease.
      await this.#tellSettled(state)
    } catch (cause) {
      alerts.begin('file', cause)
      // Whoever waits must hear of it, and cannot be told that the operation is safe.
      for (const [pk, waiter] of state.waiters) {
        state.waiters.delete(pk)
        waiter.resolve({ kind: 'dead', error: outcomeUnknown(cause) })
      }
    }
  }

  async #parkAfter(state: LaneState, pk: number, signal: AbortSignal): Promise<void> {
    const { clock, policy } = this.#context
    try {
      await clock.sleep(policy.onlineTimeoutMs, signal)
      if (signal.aborted) return
      await this.#park(state, [pk])
      this.#hooks.onPending()
    } catch {
      // Aborted: the answer came in time. Or the file failed, which the sender meets and reports itself.
    }
  }

  /** Tells callers that their operations are pending, those that are. */
  async #park(state: LaneState, pks: readonly number[]): Promise<void> {
    if (pks.length === 0) return
    const pending = await this.#context.outbox.markPending(pks)
    for (const pk of pending) {
      const waiter = state.waiters.get(pk)
      state.waiters.delete(pk)
      waiter?.resolve({ kind: 'pending' })
    }
  }
}

function outcomeUnknown(cause: unknown): UmbraError {
  return new UmbraError(
    'OUTCOME_PENDING',
    'the outbox failed while the write was on its way; read before repeating the write',
    { cause },
  )
}
