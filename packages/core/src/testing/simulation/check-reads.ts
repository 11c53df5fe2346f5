import type { OperationRecord } from './operation-history.ts'
import { contentIn } from './record-timeline.ts'
import type { TimelineVersion } from './record-timeline.ts'
import type { ObservedRead } from './simulated-system.ts'
import type { Violation } from './violation.ts'

/** Undefined stands for the time before the first version. */
type Moment = TimelineVersion | undefined

/** Every read saw exactly what one version says that was the newest at some moment of the read. */
export function checkReads(
  operations: readonly OperationRecord<unknown>[],
  timeline: readonly TimelineVersion[],
): readonly Violation[] {
  return operations.flatMap((operation): readonly Violation[] => {
    const { read, label, outcome } = operation
    if (read === undefined || outcome !== 'committed') return []
    const moments: readonly Moment[] = [undefined, ...timeline]
    const first = timeline.findLastIndex(({ step }) => step <= operation.startStep) + 1
    const last = timeline.findLastIndex(({ step }) => step <= operation.endStep) + 1
    const from = read.mayBeOld === true ? 0 : first
    if (moments.slice(from, last + 1).some((moment) => agrees(read, moment))) return []
    const old = moments.slice(0, from).findLast((moment) => agrees(read, moment))
    if (old === undefined && !moments.slice(0, from).some((moment) => agrees(read, moment))) {
      return [{ property: 'torn-read', message: `${label} saw what no version says in its time` }]
    }
    const seen = old === undefined ? 'nothing' : `v${old.stored.number}`
    return [
      {
        property: 'stale-read',
        message: `${label} saw ${seen}, though v${moments[first]?.stored.number ?? 0} was there when it began`,
      },
    ]
  })
}

function agrees({ records, scope, seq }: ObservedRead, moment: Moment): boolean {
  if (seq !== undefined && seq !== (moment?.seq ?? 0)) return false
  if (scope === 'all' && records.size !== (moment?.records.size ?? 0)) return false
  return [...records].every(([id, content]) => contentIn(moment, id) === content)
}
