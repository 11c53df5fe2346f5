import { isMinted, mutationId } from '@umbra/core'
import type { ManifestEntry, Mutation } from '@umbra/core'
import type { QueuedOperation, QueuedVersion } from '@umbra/sqlite'
import { isSameRevision } from '../migration/decide-record.ts'

/** What the store has once some operations are decided, and what this file makes of the same records. */
export interface Comparison {
  /** The live records, by their ids. */
  readonly current: ReadonlyMap<string, ManifestEntry>
  /** Oldest first: of the operations that were decided just now, and of those after them that the store may have got before. */
  versionsOf(id: string): readonly QueuedVersion[]
}

/**
 * What of a record says that an operation was applied: `made`: it is as the operation left it. `passed`: as a later one did that
 * was queued here too. `deleted`: it is gone, and was to go.
 */
type Trace = 'made' | 'passed' | 'deleted' | undefined

/** Of an operation that was applied: its records that are still as it left them. */
export function madeEntries(operation: QueuedOperation, comparison: Comparison): readonly ManifestEntry[] {
  return operation.mutations.flatMap((mutation) => {
    const entry = comparison.current.get(mutationId(mutation))
    return entry !== undefined && traceOf(operation, mutation, comparison) === 'made' ? [entry] : []
  })
}

/**
 * Whether a refused operation had been applied before, under a name the store does not tell apart any more. It is applied whole, so that one
 * record which only it can have made stands for all; that one is gone does not, as others delete too. `refusedId`: the record
 * that it was refused because of, if that is known.
 */
export function isInPlace(
  operation: QueuedOperation,
  refusedId: string | undefined,
  comparison: Comparison,
): boolean {
  const { mutations } = operation
  // Nobody else can have had an id that was minted for it.
  if (mutations.some((one) => isMinted(one) && mutationId(one) === refusedId)) return true
  const traces = mutations.map((one) => traceOf(operation, one, comparison))
  const isMade = traces.some((trace) => trace === 'made' || trace === 'passed')
  return isMade || traces.every((trace) => trace === 'deleted')
}

function traceOf({ n }: QueuedOperation, mutation: Mutation, comparison: Comparison): Trace {
  const id = mutationId(mutation)
  const sinceThen = comparison.versionsOf(id).filter((version) => version.n >= n)
  const entry = comparison.current.get(id)
  if (entry === undefined)
    return sinceThen.some((version) => version.entry.op === 'del') ? 'deleted' : undefined
  // The newest, as contents come again; and with its times, as others write the same.
  const newest = untilRival(sinceThen).findLast(
    (version) => version.entry.op === 'put' && isSameRevision(version.entry, entry),
  )
  if (newest?.n === n) return 'made'
  return newest === undefined ? undefined : 'passed'
}

/** What is queued over the first of them. A creation beside it says nothing of it, nor does what is queued over that. */
function untilRival(versions: readonly QueuedVersion[]): readonly QueuedVersion[] {
  const rival = versions.findIndex(
    ({ isCreation }, index) => isCreation && versions[index - 1]?.entry.op === 'put',
  )
  return rival === -1 ? versions : versions.slice(0, rival)
}
