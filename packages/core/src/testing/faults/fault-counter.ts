import type { FaultKind } from './fault-rule.ts'

/** `down`: how often the endpoint was taken away. */
export type FaultCounts = Readonly<Record<FaultKind | 'down', number>>

/** Counts what really happened, by kind of fault. */
export function createFaultCounter(): {
  readonly count: (kind: FaultKind | 'down') => void
  readonly read: () => FaultCounts
} {
  const counts: Record<FaultKind | 'down', number> = {
    latency: 0,
    'rate-limit': 0,
    'error-before': 0,
    'error-after': 0,
    'refused-credentials': 0,
    'cut-before-body': 0,
    'cut-before-answer': 0,
    'cut-in-answer': 0,
    'slow-request': 0,
    'slow-answer': 0,
    duplicate: 0,
    'late-apply': 0,
    'held-answer': 0,
    down: 0,
  }
  return { count: (kind) => void counts[kind]++, read: () => ({ ...counts }) }
}
