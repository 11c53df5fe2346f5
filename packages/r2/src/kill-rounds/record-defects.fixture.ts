import type { StorageRecord } from '@umbra/core'
import { CONTENDED_IDS, COUNTER_ID } from './worker-event.fixture.ts'
import type { CounterData, TrailData } from './worker-event.fixture.ts'
import { isShared } from './write-ledger.fixture.ts'
import type { LedgerEntry } from './write-ledger.fixture.ts'

/** What a record may be: undefined when it may be absent. */
interface PossibleState {
  readonly trail: readonly string[] | undefined
  /** Undefined when nobody was told it. */
  readonly etag: string | undefined
}

const ABSENT: PossibleState = { trail: undefined, etag: undefined }

/**
 * What is wrong with the records of one namespace, given everything that was tried there. Nothing when every
 * acknowledged write is there once, every rejected one is not, and each of unknown outcome is there once or not at all.
 */
export function recordDefects(
  writes: readonly LedgerEntry[],
  found: ReadonlyMap<string, StorageRecord>,
): readonly string[] {
  const pairs = writes.flatMap((write) => write.ids.map((id) => ({ id, write })))
  const known = new Map(
    [...groupBy(pairs, ({ id }) => id)].map(([id, itsPairs]) => [id, itsPairs.map(({ write }) => write)]),
  )
  const strangers = [...found.keys()].filter((id) => !known.has(id) && !isShared(id))
  return [
    ...strangers.map((id) => `${id} is there, though nobody wrote it`),
    ...[...known].flatMap(([id, itsWrites]) =>
      isShared(id) ? [] : ownRecordDefects(id, itsWrites, found.get(id)),
    ),
    ...writes.flatMap((write) => batchDefects(write, found)),
    ...CONTENDED_IDS.flatMap((id) => contendedDefects(id, known.get(id) ?? [], found.get(id))),
    ...counterDefects(known.get(COUNTER_ID) ?? [], found.get(COUNTER_ID)),
  ]
}

/** The states a record that only one loop writes can be in. That loop stops at the first unknown outcome. */
export function possibleStates(id: string, writes: readonly LedgerEntry[]): readonly PossibleState[] {
  let certain = ABSENT
  for (const write of writes) {
    if (write.outcome === 'rejected') continue
    const next = after(certain, id, write)
    if (write.outcome === 'unknown') return [certain, next]
    certain = next
  }
  return [certain]
}

function after(before: PossibleState, id: string, write: LedgerEntry): PossibleState {
  if (write.kind === 'delete') return ABSENT
  return { trail: [...(before.trail ?? []), write.token], etag: write.etags[write.ids.indexOf(id)] }
}

function ownRecordDefects(
  id: string,
  writes: readonly LedgerEntry[],
  record: StorageRecord | undefined,
): readonly string[] {
  const states = possibleStates(id, writes)
  if (states.some((state) => isInState(record, state))) return []
  const expected = states.map(({ trail, etag }) => (trail ? `${trail.join(' ')} (${etag})` : 'absent'))
  return [`${id} is ${describe(record)}, expected ${expected.join(' or ')}`]
}

function isInState(record: StorageRecord | undefined, { trail, etag }: PossibleState): boolean {
  if (record === undefined || trail === undefined) return record === undefined && trail === undefined
  return (
    trailOf(record).join() === trail.join() &&
    record.revision === trail.length &&
    (etag === undefined || record.etag === etag)
  )
}

/** Records created together are there together, as long as nothing else was done to them. */
function batchDefects(write: LedgerEntry, found: ReadonlyMap<string, StorageRecord>): readonly string[] {
  if (write.kind !== 'create-many' || write.outcome !== 'unknown') return []
  const there = write.ids.filter((id) => found.has(id)).length
  return there === 0 || there === write.ids.length
    ? []
    : [`${write.token} is there in part: ${there} of ${write.ids.length}`]
}

function contendedDefects(
  id: string,
  writes: readonly LedgerEntry[],
  record: StorageRecord | undefined,
): readonly string[] {
  if (record === undefined) return [`${id} is gone`]
  const trail = trailOf(record)
  const times = groupBy(trail, (token) => token)
  const tried = new Set(['start', ...writes.map(({ token }) => token)])
  return [
    ...(record.revision === trail.length
      ? []
      : [`${id} has ${trail.length} writes in ${record.revision} revisions`]),
    ...[...times].flatMap(([token, { length }]) => [
      ...(length > 1 ? [`${token} is ${length} times in ${id}`] : []),
      ...(tried.has(token) ? [] : [`${token} is in ${id}, though nobody tried it`]),
    ]),
    ...writes.flatMap(({ token, outcome }) => {
      if (outcome === 'acknowledged' && !times.has(token))
        return [`${token} was acknowledged, but is lost from ${id}`]
      return outcome === 'rejected' && times.has(token) ? [`${token} was rejected, but is in ${id}`] : []
    }),
  ]
}

function counterDefects(
  writes: readonly LedgerEntry[],
  record: StorageRecord | undefined,
): readonly string[] {
  if (record === undefined) return ['the counter is gone']
  const { total, by } = record.data as CounterData
  return [
    ...(total === record.revision - 1
      ? []
      : [`the counter is ${total} after ${record.revision - 1} additions`]),
    ...additionDefects(writes, by),
  ]
}

/** Each writer's additions to a counter are as many as it was told, or up to as many as it does not know of more. */
export function additionDefects(writes: readonly LedgerEntry[], by: CounterData['by']): readonly string[] {
  const loops = groupBy(writes, ({ token }) => token.slice(0, token.lastIndexOf('.')))
  const names = new Set([...loops.keys(), ...Object.keys(by)])
  return [...names].flatMap((name) => {
    const ofLoop = loops.get(name) ?? []
    const least = ofLoop.filter(({ outcome }) => outcome === 'acknowledged').length
    const most = ofLoop.filter(({ outcome }) => outcome !== 'rejected').length
    const counted = by[name] ?? 0
    return counted >= least && counted <= most
      ? []
      : [`the counter has ${counted} additions of ${name}, expected ${least} to ${most}`]
  })
}

function describe(record: StorageRecord | undefined): string {
  return record === undefined ? 'absent' : `${trailOf(record).join(' ')} (${record.etag})`
}

function trailOf(record: StorageRecord): readonly string[] {
  return (record.data as TrailData).trail
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}
