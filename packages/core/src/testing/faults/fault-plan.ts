import type { Clock } from '../../clock.ts'
import type { Fault, FaultRule, SeenRequest } from './fault-rule.ts'

type SlowRequest = Extract<Fault, { kind: 'slow-request' }>
type SlowAnswer = Extract<Fault, { kind: 'slow-answer' }>

/** A fault that decides what becomes of the request; a request has at most one. */
export type Disruption = Exclude<Fault, { kind: 'latency' | 'slow-request' | 'slow-answer' }>

export interface FaultPlan {
  /** Milliseconds, if it is delayed. */
  readonly delayMs: number | undefined
  readonly slowRequest: SlowRequest | undefined
  readonly slowAnswer: SlowAnswer | undefined
  readonly disruption: Disruption | undefined
}

/** These keep the store from seeing the request. */
const NEVER_ARRIVES: ReadonlySet<Fault['kind']> = new Set([
  'error-before',
  'refused-credentials',
  'cut-before-body',
])

const WRITES = ['PUT', 'DELETE']

const DEFAULT_INTERVAL_MS = 1_000

/** How many keys the limiter remembers before it forgets those that are free again. */
const MAX_LIMITED_KEYS = 10_000

/**
 * Decides request by request what goes wrong. Delays and slow bodies go together with one disruption, the first that
 * applies; `rate-limit` goes before all that let the store see the request, since it counts exactly those.
 */
export function createFaultPlanner(
  rules: readonly FaultRule[],
  { random, clock }: { random: () => number; clock: Clock },
): (request: SeenRequest) => FaultPlan {
  const triggers = rules.map((rule) => ({ fault: rule.fault, isDue: createTrigger(rule, random) }))
  const isLimited = createLimiter(clock)
  return (request) => {
    // Every trigger is asked, so that what one rule does never shifts the count or the chances of another.
    const due = triggers.filter(({ isDue }) => isDue(request)).map(({ fault }) => fault)
    const latency = due.find((fault) => fault.kind === 'latency')
    const disruption = due.find(isDisruption)
    const limit = due.find((fault) => fault.kind === 'rate-limit')
    const limited =
      !(disruption && NEVER_ARRIVES.has(disruption.kind)) &&
      limit !== undefined &&
      isLimited(request.key, limit.intervalMs ?? DEFAULT_INTERVAL_MS)
    return {
      delayMs: latency && latency.minMs + random() * (latency.maxMs - latency.minMs),
      slowRequest: due.find((fault) => fault.kind === 'slow-request'),
      slowAnswer: due.find((fault) => fault.kind === 'slow-answer'),
      disruption: limited ? limit : disruption,
    }
  }
}

function isDisruption(fault: Fault): fault is Exclude<Disruption, { kind: 'rate-limit' }> {
  return !['latency', 'slow-request', 'slow-answer', 'rate-limit'].includes(fault.kind)
}

function createTrigger(rule: FaultRule, random: () => number): (request: SeenRequest) => boolean {
  const { nth = 1, times = Infinity, chance = 1 } = rule
  let matches = 0
  return (request) => {
    if (!isMatch(rule, request)) return false
    matches++
    const isInRange = matches >= nth && matches < nth + times
    return isInRange && (chance >= 1 || random() < chance)
  }
}

function isMatch({ fault, methods, key = '' }: FaultRule, request: SeenRequest): boolean {
  const isLimit = fault.kind === 'rate-limit'
  // A part of a large upload is no write of the object yet.
  if (isLimit && request.query.includes('partNumber=')) return false
  const expected = methods ?? (isLimit ? WRITES : undefined)
  if (expected !== undefined && !expected.includes(request.method)) return false
  return typeof key === 'string' ? request.key.startsWith(key) : key(request.key)
}

/** True when the key was written less than the interval ago; else the write counts. */
function createLimiter(clock: Clock): (key: string, intervalMs: number) => boolean {
  const freeAt = new Map<string, number>()
  return (key, intervalMs) => {
    const now = clock.now()
    if (now < (freeAt.get(key) ?? 0)) return true
    if (freeAt.size >= MAX_LIMITED_KEYS) {
      for (const [other, atMs] of freeAt) if (atMs <= now) freeAt.delete(other)
    }
    freeAt.set(key, now + intervalMs)
    return false
  }
}
