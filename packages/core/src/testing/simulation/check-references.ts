import type { StoredVersion, StoreHistory } from './object-history.ts'
import type { TimelineVersion } from './record-timeline.ts'
import type { Violation } from './violation.ts'

/** Everything a version refers to is there from the moment it is the newest until `graceMs` after it no longer is. */
export function checkReferences(
  timeline: readonly TimelineVersion[],
  store: StoreHistory,
  graceMs: number,
): readonly Violation[] {
  return timeline.flatMap((version, index) => {
    const next = timeline[index + 1]
    const untilMs = next === undefined ? Number.POSITIVE_INFINITY : next.stored.atMs + graceMs
    return (version.references ?? []).flatMap((key): readonly Violation[] => {
      const gone = findAbsence(store.history(key), version.step, untilMs)
      if (gone === undefined) return []
      return [
        {
          property: 'dangling-reference',
          message: `v${version.stored.number} refers to ${key}, which ${gone}`,
        },
      ]
    })
  })
}

function findAbsence(
  history: readonly StoredVersion[],
  fromStep: number,
  untilMs: number,
): string | undefined {
  const atFirst = history.findLast(({ step }) => step <= fromStep)
  if (atFirst === undefined) return 'was not there yet'
  if (atFirst.kind === 'deleted') return 'had been deleted'
  const later = history.find(
    ({ step, kind, atMs }) => step > fromStep && kind === 'deleted' && atMs < untilMs,
  )
  return later === undefined ? undefined : `was deleted at ${later.atMs} ms while it was needed`
}
