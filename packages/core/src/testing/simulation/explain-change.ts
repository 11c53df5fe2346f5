import type { OperationRecord } from './operation-history.ts'
import type { IntendedWrite } from './simulated-system.ts'

/** One write of one operation, and where in the timeline it is known to have happened. */
export interface WriteRecord {
  readonly operation: OperationRecord<unknown>
  readonly write: IntendedWrite
  /** Index of the version; undefined while it is not known to have happened. */
  place: number | undefined
}

/** Whether a version that took effect in this step can hold an operation's effect. */
export function couldHappenIn(
  step: number,
  { startStep, endStep, outcome }: OperationRecord<unknown>,
): boolean {
  if (outcome === 'rejected' || step <= startStep) return false
  return outcome === 'unknown' || step <= endStep
}

export interface ChangeOfRecord {
  /** Contents before and after; null for none. */
  readonly from: string | null
  readonly to: string | null
}

/**
 * Writes that, one after the other, turn the content before into the content after; each at most once. Several
 * writes of one record can share a version, and only the last of them shows. The shortest answer that has all of
 * `required`; undefined when there is none. Writes that come first among the candidates are preferred.
 */
export function explainChange(
  change: ChangeOfRecord,
  candidates: readonly WriteRecord[],
  required: readonly WriteRecord[] = [],
): readonly WriteRecord[] | undefined {
  for (
    let length = Math.max(required.length, change.from === change.to ? 0 : 1);
    length <= candidates.length;
    length++
  ) {
    const path = findPath(change, candidates, { length, required })
    if (path !== undefined) return path
  }
  return undefined
}

function findPath(
  { from, to }: ChangeOfRecord,
  candidates: readonly WriteRecord[],
  wanted: { readonly length: number; readonly required: readonly WriteRecord[] },
): readonly WriteRecord[] | undefined {
  if (wanted.required.length > wanted.length) return undefined
  if (wanted.length === 0) return from === to ? [] : undefined
  for (const candidate of candidates) {
    const { over, content } = candidate.write
    if (over !== undefined && over !== from) continue
    // Nothing to delete: a deletion that changed nothing says so.
    if (content === null && from === null) continue
    const rest = findPath(
      { from: content, to },
      candidates.filter((other) => other !== candidate),
      { length: wanted.length - 1, required: wanted.required.filter((other) => other !== candidate) },
    )
    if (rest !== undefined) return [candidate, ...rest]
  }
  return undefined
}
