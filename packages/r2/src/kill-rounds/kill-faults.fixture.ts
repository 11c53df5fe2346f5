import type { Fault, FaultRule } from '@umbra/core/testing'

/** What the start-up check of a backend writes is left alone: a store that fails it is none. */
const isWorkload = (key: string): boolean =>
  key !== 'manifests/health' && !key.startsWith('manifests.d/probe-')

const often = (fault: Fault, chance: number, methods?: readonly string[]): FaultRule => ({
  fault,
  chance,
  key: isWorkload,
  ...(methods && { methods }),
})

/** Everything that can happen to a request, each often enough to happen in some hundred of them. */
export const ROUGH_NETWORK: readonly FaultRule[] = [
  often({ kind: 'latency', minMs: 1, maxMs: 40 }, 0.3),
  often({ kind: 'slow-request', bytesPerSecond: 200_000 }, 0.02, ['PUT']),
  often({ kind: 'slow-answer', bytesPerSecond: 500_000 }, 0.02, ['GET']),
  often({ kind: 'error-before' }, 0.01),
  often({ kind: 'error-after' }, 0.015),
  often({ kind: 'refused-credentials' }, 0.006),
  often({ kind: 'cut-before-body' }, 0.01),
  often({ kind: 'cut-before-answer' }, 0.015),
  often({ kind: 'cut-in-answer' }, 0.03, ['GET']),
  often({ kind: 'duplicate' }, 0.015, ['PUT']),
  often({ kind: 'duplicate', answer: 'first' }, 0.01, ['PUT']),
  often({ kind: 'late-apply', afterRequests: 5 }, 0.01, ['PUT']),
  often({ kind: 'late-apply', afterRequests: 2, client: 'waits' }, 0.01, ['PUT']),
  often({ kind: 'held-answer', afterRequests: 3 }, 0.01),
]

/** One write of a key per second, as on R2, and nothing else. */
export const LIMITED_WRITES: readonly FaultRule[] = [
  { fault: { kind: 'rate-limit', intervalMs: 1_000 }, key: isWorkload },
]
