import { couldHappenIn, explainChange } from './explain-change.ts'
import type { WriteRecord } from './explain-change.ts'
import type { OperationRecord } from './operation-history.ts'
import { contentIn } from './record-timeline.ts'
import type { TimelineVersion } from './record-timeline.ts'
import type { Violation } from './violation.ts'

/**
 * Every change from one version to the next is the doing of operations that may have happened then, each once and whole;
 * and what was acknowledged is among them.
 */
export function checkWrites(
  operations: readonly OperationRecord<unknown>[],
  timeline: readonly TimelineVersion[],
): readonly Violation[] {
  const writes = operations.flatMap((operation) =>
    operation.writes.map((write): WriteRecord => ({ operation, write, place: undefined })),
  )
  const changes = timeline.flatMap((version, index) => changesOf(version, timeline[index - 1], index))
  const violations = changes.flatMap((change) => explain(change, writes))
  placeHidden(writes, timeline)
  return [
    ...violations,
    ...changes.flatMap(checkRevision),
    ...writes.flatMap((write) => checkAcknowledged(write, violations)),
    ...operations.flatMap((operation) => checkWhole(operation, writes)),
  ]
}

interface Change {
  readonly id: string
  readonly version: TimelineVersion
  readonly before: TimelineVersion | undefined
  readonly index: number
}

function changesOf(
  version: TimelineVersion,
  before: TimelineVersion | undefined,
  index: number,
): readonly Change[] {
  const ids = new Set([...(before?.records.keys() ?? []), ...version.records.keys()])
  return [...ids]
    .filter((id) => {
      const [was, is] = [before?.records.get(id), version.records.get(id)]
      return was?.content !== is?.content || was?.rev !== is?.rev
    })
    .map((id) => ({ id, version, before, index }))
}

function explain(change: Change, writes: readonly WriteRecord[]): readonly Violation[] {
  const { id, version, before, index } = change
  const [from, to] = [contentIn(before, id), contentIn(version, id)]
  if (from === to) return [violation('applied-twice', change, `it has a new revision of the same content`)]
  const path = explainChange({ from, to }, candidatesFor(id, version.step, writes))
  if (path === undefined) return [accuse(change, writes)]
  for (const write of path) write.place = index
  return []
}

/** Those that must have happened soonest come first; that is how as many as possible find a place. */
function candidatesFor(id: string, step: number, writes: readonly WriteRecord[]): readonly WriteRecord[] {
  const deadline = ({ operation }: WriteRecord) =>
    operation.outcome === 'committed' ? operation.endStep : Number.POSITIVE_INFINITY
  return writes
    .filter(
      ({ write, place, operation }) =>
        place === undefined && write.id === id && couldHappenIn(step, operation),
    )
    .sort((a, b) => Math.sign(deadline(a) - deadline(b)))
}

/** Says which promise a change without explanation breaks. */
function accuse(change: Change, writes: readonly WriteRecord[]): Violation {
  const { id, version, before } = change
  const content = contentIn(version, id)
  if (content === null) return accuseOfDeletion(change, writes)
  const write = writes.find(({ write }) => write.id === id && write.content === content)
  if (write === undefined) return violation('unexplained-change', change, `nobody wrote "${content}"`)
  const { label, outcome } = write.operation
  if (outcome === 'rejected') return violation('rejected-yet-applied', change, `${label} was rejected`)
  if (write.place !== undefined) return violation('applied-twice', change, `${label} had happened before`)
  if (!couldHappenIn(version.step, write.operation)) {
    return violation('acknowledged-yet-absent', change, `${label} was acknowledged before this`)
  }
  const was = contentIn(before, id) ?? 'nothing'
  return violation(
    'lost-update',
    change,
    `${label} replaces "${was}" instead of "${write.write.over ?? 'nothing'}"`,
  )
}

function accuseOfDeletion(change: Change, writes: readonly WriteRecord[]): Violation {
  const rejected = writes.find(
    ({ write, operation: { outcome, startStep } }) =>
      write.id === change.id &&
      write.content === null &&
      outcome === 'rejected' &&
      startStep < change.version.step,
  )
  return rejected === undefined
    ? violation('unexplained-change', change, 'nobody deleted it')
    : violation('rejected-yet-applied', change, `it is gone, and ${rejected.operation.label} was rejected`)
}

/**
 * Finds a place for acknowledged writes that do not show, because another write of the same record followed in the same
 * version; and for the rest of batches of which a part shows.
 */
function placeHidden(writes: readonly WriteRecord[], timeline: readonly TimelineVersion[]): void {
  for (const hidden of writes) {
    if (hidden.place !== undefined) continue
    const { operation, write } = hidden
    const sibling = writes.find((other) => other.operation === operation && other.place !== undefined)?.place
    if (operation.outcome !== 'committed' && sibling === undefined) continue
    for (const [index, { step }] of timeline.entries()) {
      if (hidden.place !== undefined || !couldHappenIn(step, operation)) continue
      if (sibling !== undefined && sibling !== index) continue
      const shown = writes.filter((other) => other.place === index && other.write.id === write.id)
      const candidates = [...shown, ...candidatesFor(write.id, step, writes)]
      const change = {
        from: contentIn(timeline[index - 1], write.id),
        to: contentIn(timeline[index], write.id),
      }
      for (const placed of explainChange(change, candidates, [...shown, hidden]) ?? []) placed.place = index
    }
  }
}

function checkRevision(change: Change): readonly Violation[] {
  const [was, is] = [change.before?.records.get(change.id), change.version.records.get(change.id)]
  if (was === undefined || is === undefined || is.rev > was.rev) return []
  return [violation('revision-reused', change, `revision ${is.rev} follows ${was.rev}`)]
}

function checkAcknowledged(
  { operation, write, place }: WriteRecord,
  found: readonly Violation[],
): readonly Violation[] {
  if (operation.outcome !== 'committed' || place !== undefined) return []
  // Its version is there, and has been objected to already.
  if (found.some(({ message }) => message.includes(`${operation.label} `))) return []
  const what = write.content === null ? `deleted ${write.id}` : `wrote ${write.id}`
  return [
    {
      property: 'acknowledged-yet-absent',
      message: `${operation.label} ${what} and was acknowledged, and no version shows it`,
    },
  ]
}

function checkWhole(
  operation: OperationRecord<unknown>,
  writes: readonly WriteRecord[],
): readonly Violation[] {
  const places = writes.filter((write) => write.operation === operation).map(({ place }) => place)
  if (new Set(places).size <= 1) return []
  const shown = places.map((place) => (place === undefined ? 'nowhere' : `in version ${place + 1}`))
  return [{ property: 'torn-batch', message: `the writes of ${operation.label} are ${shown.join(', ')}` }]
}

function violation(property: Violation['property'], { id, version }: Change, why: string): Violation {
  return { property, message: `v${version.stored.number} changes ${id}: ${why}` }
}
