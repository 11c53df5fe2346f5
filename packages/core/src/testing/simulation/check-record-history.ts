import { hasErrorCode, isUmbraError } from '../../errors/umbra-error.ts'
import type { ErrorCode } from '../../errors/error-codes.ts'
import { checkReads } from './check-reads.ts'
import { checkReferences } from './check-references.ts'
import { checkWrites } from './check-writes.ts'
import { describeError } from './describe-message.ts'
import { HeadChain } from './head-chain.ts'
import type { StoreHistory } from './object-history.ts'
import type { OperationRecord } from './operation-history.ts'
import { decodeTimeline } from './record-timeline.ts'
import type { TimelineVersion, VersionDecoder } from './record-timeline.ts'
import type { SimulationResult } from './simulate.ts'
import type { Violation } from './violation.ts'

export interface RecordHistoryOptions {
  /** The object whose versions are the versions of the namespace. */
  readonly headKey: string
  readonly decode: VersionDecoder
  /** How long a superseded version's references must stay, milliseconds. Default: 0. */
  readonly graceMs?: number
  /** Whether no revision number of a record may ever come back, not even after its deletion. Default: false. */
  readonly keepsCount?: boolean
  /** Failures that no fault explains. Default: `INTERNAL`, `CORRUPT`, and whatever is no `UmbraError`. */
  readonly defects?: readonly ErrorCode[]
}

const DEFECTS: readonly ErrorCode[] = ['INTERNAL', 'CORRUPT']

/**
 * Compares what the application was told with what the versions of a namespace say, and adds what the simulation itself
 * has found. An empty answer means that the history could have been one of a single machine that never fails, that does
 * one thing at a time and forgets nothing: each operation takes effect in one moment between its beginning and its end,
 * one that was rejected in none, and one of unknown outcome at most once, possibly later.
 */
export async function checkRecordHistory<Operation>(
  { violations, operations, store }: SimulationResult<Operation>,
  options: RecordHistoryOptions,
): Promise<readonly Violation[]> {
  // A head that cannot be read proves nothing but what the simulation has found already.
  if (violations.length > 0) return violations
  const timeline = await decodeTimeline(options.headKey, store, options.decode)
  return [
    ...checkChain(options.headKey, store, timeline),
    ...checkDefects(operations, options.defects ?? DEFECTS),
    ...checkWrites(operations, timeline),
    ...(options.keepsCount === true ? checkCount(timeline) : []),
    ...checkReads(operations, timeline),
    ...checkReferences(timeline, store, options.graceMs ?? 0),
  ]
}

function checkChain(
  headKey: string,
  store: StoreHistory,
  timeline: readonly TimelineVersion[],
): readonly Violation[] {
  const chain = new HeadChain()
  const problems = timeline.flatMap((version) => {
    const problem = chain.add(version.stored, version)
    return problem === undefined ? [] : [`v${version.stored.number} of ${headKey} ${problem}`]
  })
  if (store.history(headKey).some(({ kind }) => kind === 'deleted'))
    problems.unshift(`${headKey} was deleted`)
  return problems.map((message) => ({ property: 'broken-chain', message }))
}

function checkCount(timeline: readonly TimelineVersion[]): readonly Violation[] {
  const highest = new Map<string, number>()
  return timeline.flatMap(({ records, stored }, index) =>
    [...records].flatMap(([id, { rev }]): readonly Violation[] => {
      const before = timeline[index - 1]?.records.has(id) === true ? 0 : (highest.get(id) ?? 0)
      highest.set(id, Math.max(rev, highest.get(id) ?? 0))
      if (rev > before) return []
      return [
        {
          property: 'revision-reused',
          message: `v${stored.number} has ${id} with revision ${rev}, and before its deletion it had ${before}`,
        },
      ]
    }),
  )
}

function checkDefects(
  operations: readonly OperationRecord<unknown>[],
  defects: readonly ErrorCode[],
): readonly Violation[] {
  return operations.flatMap(({ label, error }): readonly Violation[] => {
    if (error === undefined || (isUmbraError(error) && !hasErrorCode(error, ...defects))) return []
    return [
      {
        property: 'defect',
        message: `${label} failed with ${isUmbraError(error) ? `${error.code}: ${error.message}` : describeError(error)}`,
      },
    ]
  })
}
