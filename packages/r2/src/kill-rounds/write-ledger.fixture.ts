import type { Namespace } from '@umbra/core'
import { CONTENDED_IDS, COUNTER_ID } from './worker-event.fixture.ts'
import type { WorkerEvent, WriteAttempt } from './worker-event.fixture.ts'

export interface LedgerEntry extends WriteAttempt {
  /** `unknown` also when the worker was killed before it could tell. */
  outcome: 'acknowledged' | 'rejected' | 'unknown'
  etags: readonly string[]
  /** Acknowledged as safe, and not yet in the store. */
  pending: boolean
}

export interface LedgerTotals {
  readonly acknowledged: number
  readonly rejected: number
  readonly unknown: number
  /** Of the acknowledged ones, those not yet in the store then. */
  readonly pending: number
  /** Workers that got as far as writing. */
  readonly ready: number
}

export interface WriteLedger {
  hear(event: WorkerEvent): void
  /** The writes of a namespace, oldest first. */
  of(namespace: Namespace): readonly LedgerEntry[]
  totals(): LedgerTotals
  /** How many were rejected, by error code. */
  rejections(): Readonly<Record<string, number>>
  /** Promises seen broken while it went on. */
  readonly violations: string[]
}

/** Codes that say that somebody else has changed a record. */
const LOST_RACE: ReadonlySet<string> = new Set(['PRECONDITION_FAILED', 'NOT_FOUND', 'ALREADY_EXISTS'])

const SHARED: ReadonlySet<string> = new Set([COUNTER_ID, ...CONTENDED_IDS])

export function isShared(id: string): boolean {
  return SHARED.has(id)
}

/** Everything the workers have said. */
export function createWriteLedger(): WriteLedger {
  const byToken = new Map<string, LedgerEntry>()
  const byNamespace = new Map<string, LedgerEntry[]>()
  const violations: string[] = []
  const rejections: Record<string, number> = {}
  let ready = 0

  function announce(write: WriteAttempt): void {
    const entry: LedgerEntry = { ...write, outcome: 'unknown', etags: [], pending: false }
    byToken.set(write.token, entry)
    const key = nameOf(write.namespace)
    const earlier = byNamespace.get(key)
    if (earlier === undefined) byNamespace.set(key, [entry])
    else earlier.push(entry)
  }

  function reject({ token, code }: { token: string; code: string }): void {
    const entry = byToken.get(token)
    if (entry === undefined) return
    entry.outcome = 'rejected'
    rejections[code] = (rejections[code] ?? 0) + 1
    if (LOST_RACE.has(code) && !entry.ids.some(isShared))
      violations.push(
        `${token} (${entry.kind} ${entry.ids.join()}) met ${code}, though nobody else writes it`,
      )
  }

  return {
    violations,
    hear: (event) => {
      if (event.event === 'ready') ready++
      if (event.event === 'try') announce(event.write)
      if (event.event === 'ack') Object.assign(byToken.get(event.token) ?? {}, acknowledged(event))
      if (event.event === 'rejected') reject(event)
      if (event.event === 'violation') violations.push(event.text)
    },
    of: (namespace) => byNamespace.get(nameOf(namespace)) ?? [],
    totals: () => {
      const all = [...byToken.values()]
      const count = (wanted: LedgerEntry['outcome']) => all.filter(({ outcome }) => outcome === wanted).length
      return {
        acknowledged: count('acknowledged'),
        rejected: count('rejected'),
        unknown: count('unknown'),
        pending: all.filter(({ pending }) => pending).length,
        ready,
      }
    },
    rejections: () => rejections,
  }
}

function acknowledged({
  etags,
  pending,
}: Extract<WorkerEvent, { event: 'ack' }>): Pick<LedgerEntry, 'outcome' | 'etags' | 'pending'> {
  return { outcome: 'acknowledged', etags, pending: pending === true }
}

function nameOf({ module, userId }: Namespace): string {
  return `${module}/${userId}`
}
