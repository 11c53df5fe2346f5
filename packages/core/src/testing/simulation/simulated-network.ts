import { describeAnswer, describeRequest } from './describe-message.ts'
import type { Author } from './object-history.ts'
import { Outages } from './outages.ts'
import type { OutageKind } from './outages.ts'
import { happensAt } from './planned-mishaps.ts'
import type { PlannedMishaps, RequestLuck } from './planned-mishaps.ts'
import type { Scheduler } from './scheduler.ts'
import { hashOf } from './seeded-random.ts'
import type { Life } from './simulated-process.ts'
import type { SimulatedStore } from './simulated-store.ts'
import type { CrashMoment, PlannedCrash } from './simulation-plan.ts'
import type { StoreAnswer, StoreRequest } from './store-request.ts'
import type { Story } from './story.ts'

export interface NetworkContext {
  readonly seed: number
  readonly scheduler: Scheduler
  readonly store: SimulatedStore
  readonly story: Story
  readonly mishaps: PlannedMishaps
  /** Milliseconds a client waits for an answer. */
  readonly timeoutMs: number
  /** Longest time one message takes without a fault, milliseconds. */
  readonly slowestMs: number
  /** Told when a crash is due. It happens before the next step, when the process waits for something. */
  readonly onCrash: (process: number, crash: PlannedCrash) => void
}

/** Who sends. */
export interface Sender {
  readonly name: string
  /** Index in the plan; undefined for a process without faults. */
  readonly index: number | undefined
  readonly life: Life
  /** Labels of the operations it performs now. */
  readonly operations: () => readonly string[]
}

const REFUSED_CREDENTIALS: StoreAnswer = { kind: 'refused', status: 403 }

/** A request on its way. */
interface Exchange {
  readonly number: number
  readonly request: StoreRequest
  readonly sender: Sender
  readonly author: Author
  readonly luck: RequestLuck
  /** Hands the answer over to the client, if it still waits. */
  readonly deliver: (answer: StoreAnswer) => void
}

/** Carries requests to the store and answers back, each in its own time, and lets planned faults befall them. */
export class SimulatedNetwork {
  readonly #context: NetworkContext
  #requests = 0
  readonly #outages = new Outages()
  /** Events so far by process, so that each keeps its luck when another process has fewer. */
  readonly #counts = new Map<string, number>()

  constructor(context: NetworkContext) {
    this.#context = context
  }

  /** Resolves to the answer, or to `none` after the timeout or when the signal is aborted first. */
  send(request: StoreRequest, sender: Sender, signal?: AbortSignal): Promise<StoreAnswer> {
    return new Promise((resolve) => {
      const { scheduler, story, timeoutMs } = this.#context
      let open = true
      const settle = (answer: StoreAnswer) => {
        if (!open) return
        open = false
        cancel()
        if (answer.kind !== 'none')
          story.tell(sender.name, `hears of #${exchange.number}: ${describeAnswer(answer)}`)
        signal?.removeEventListener('abort', giveUp)
        resolve(answer)
      }
      const giveUp = () => {
        if (open) story.tell(sender.name, `gives up waiting for #${exchange.number}`)
        settle({ kind: 'none' })
      }
      const exchange = this.#open(request, sender, settle)
      const name = `${sender.name} waits ${this.#countFor(sender)}`
      const onTimeout = () => {
        if (!sender.life.isOver) giveUp()
      }
      const cancel = scheduler.schedule({ kind: 'timer', delayMs: timeoutMs, name, run: onTimeout })
      signal?.addEventListener('abort', giveUp, { once: true })
      if (signal?.aborted === true) giveUp()
    })
  }

  #open(request: StoreRequest, sender: Sender, deliver: Exchange['deliver']): Exchange {
    const number = ++this.#requests
    const { name, index } = sender
    const luck = this.#context.mishaps.next(index, request)
    const author = { process: name, request: number, operations: sender.operations() }
    const exchange = { number, request, sender, author, luck, deliver }
    const fault = luck.fault === undefined ? '' : ` [${luck.fault.kind}]`
    const said = describeRequest(request, this.#context.store.history)
    this.#context.story.tell(name, `sends #${number} ${said}${fault}`)
    this.#travel(exchange)
    this.#notice(exchange, 'sent')
    return exchange
  }

  #travel(exchange: Exchange): void {
    const { fault } = exchange.luck
    const late = fault?.kind === 'late-request' ? fault.delayMs : 0
    if (this.#isDuring('network-down', exchange)) return
    if (fault?.kind !== 'lost-request') this.#later(exchange, late, () => this.#arrive(exchange))
    if (fault?.kind === 'duplicated-request')
      this.#later(exchange, fault.delayMs, () => this.#arriveAgain(exchange))
  }

  #arrive(exchange: Exchange): void {
    const { fault } = exchange.luck
    const answer = this.#treat(exchange)
    // That it is stored has been told when it happened.
    if (answer.kind !== 'stored') this.#tellStore(exchange, `answers ${describeAnswer(answer)}`)
    this.#notice(exchange, 'applied')
    if (fault?.kind === 'lost-answer') return
    const late = fault?.kind === 'late-answer' ? fault.delayMs : 0
    this.#later(exchange, late, () => {
      if (exchange.sender.life.isOver) return
      exchange.deliver(answer)
      this.#notice(exchange, 'answered')
    })
  }

  /** A request whose answer nobody waits for: its second copy, or one that was answered before. */
  #arriveAgain(exchange: Exchange): void {
    const { store } = this.#context
    const answer = this.#isDuring('credentials-refused', exchange)
      ? REFUSED_CREDENTIALS
      : store.handle(exchange.request, exchange.author)
    this.#tellStore(exchange, `answers ${describeAnswer(answer)}, to nobody`)
  }

  /** What the store does with a request, given its fault. */
  #treat(exchange: Exchange): StoreAnswer {
    const { request, author } = exchange
    const { fault } = exchange.luck
    const { store } = this.#context
    if (this.#isDuring('credentials-refused', exchange)) return REFUSED_CREDENTIALS
    switch (fault?.kind) {
      case 'conflict':
        return { kind: 'refused', status: 409 }
      case 'rate-limited':
        return { kind: 'refused', status: 429 }
      case 'error-before-effect':
        return { kind: 'refused', status: 503 }
      case 'error-after-effect':
        store.handle(request, author)
        return { kind: 'refused', status: 500 }
      case 'truncated-body': {
        const answer = store.handle(request, author)
        return answer.kind === 'object' ? { ...answer, truncated: true } : answer
      }
      case 'partial-delete':
        return request.verb === 'DELETE-MANY'
          ? store.deleteEveryOther(request, author)
          : store.handle(request, author)
      case 'ignored-delete':
        return deletedAll(request)
      case 'delayed-delete':
        this.#later(exchange, fault.delayMs, () => this.#arriveAgain(exchange))
        return deletedAll(request)
      default:
        return store.handle(request, author)
    }
  }

  /** Whether an outage of a kind befalls an exchange: one that begins with it, or one that goes on. */
  #isDuring(kind: OutageKind, { luck: { fault }, sender: { index } }: Exchange): boolean {
    if (index === undefined) return false
    const { nowMs } = this.#context.scheduler
    if (fault?.kind === kind) this.#outages.begin(kind, index, nowMs + fault.delayMs)
    return this.#outages.isOn(kind, index, nowMs)
  }

  #notice({ sender: { index, life }, luck: { crash } }: Exchange, moment: CrashMoment): void {
    if (index === undefined || life.isOver || !happensAt(crash, moment)) return
    this.#context.onCrash(index, crash)
  }

  #tellStore({ number }: Exchange, text: string): void {
    this.#context.story.tell('store', `#${number} ${text}`)
  }

  /** One message: takes its drawn time, and `extraMs` on top. */
  #later({ sender }: Exchange, extraMs: number, run: () => void): void {
    const name = `${sender.name} message ${this.#countFor(sender)}`
    const delayMs = extraMs + this.#drawLatency(name)
    this.#context.scheduler.schedule({ kind: 'wire', delayMs, name, run })
  }

  #countFor({ name }: Sender): number {
    const count = (this.#counts.get(name) ?? 0) + 1
    this.#counts.set(name, count)
    return count
  }

  /** Spread evenly over the orders of magnitude: then a message is often overtaken by several others. */
  #drawLatency(name: string): number {
    const { seed, slowestMs } = this.#context
    return Math.round(slowestMs ** (hashOf(seed, `${name} takes`) / 2 ** 32))
  }
}

function deletedAll(request: StoreRequest): StoreAnswer {
  const deleted = request.verb === 'DELETE-MANY' ? request.keys : [request.key]
  return { kind: 'deleted', outcome: { deleted, failed: [] } }
}
