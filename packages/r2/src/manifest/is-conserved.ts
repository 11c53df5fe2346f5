import { addSums, EMPTY_SUM } from '@umbra/core'
import type { PartPointer } from '@umbra/core'
import type { MergedRun } from './run-format.ts'

/**
 * Whether a merge lost nothing and doubled nothing: rows and sums of what went in equal those of what came out and of what
 * was dropped. A merge that does not is not referred to.
 */
export function isConserved(inputs: readonly PartPointer[], { run, dropped }: MergedRun): boolean {
  const rows = inputs.reduce((total, part) => total + part.rows, 0)
  const sum = inputs.reduce((total, part) => addSums(total, part.sum), EMPTY_SUM)
  return rows === (run?.rows ?? 0) + dropped.rows && sum === addSums(run?.sum ?? EMPTY_SUM, dropped.sum)
}
