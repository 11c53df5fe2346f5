import type {
  ComparisonCounts,
  ComparisonReport,
  DifferenceKind,
  StoreDifference,
} from '../../migration/comparison-report.ts'
import { formatCount } from './format-quantity.ts'
import { displayable, renderTable } from './render-table.ts'

/** A person reads no more. */
const MAX_SHOWN = 20

/** What each difference means when the source is r2 and the target sqlite, in the order of the columns. */
const WORDS: Readonly<Record<DifferenceKind, string>> = {
  different: 'different',
  onlyInSource: 'only in r2',
  onlyInTarget: 'only in sqlite',
  deletedInSource: 'deleted in r2',
  deletedInTarget: 'deleted in sqlite',
}

/** A comparison of r2, the source, with sqlite. */
export function renderComparison(report: ComparisonReport, differences: readonly StoreDifference[]): string {
  const columns = ['equal', ...Object.values(WORDS)].map((word) => ({
    title: word.toUpperCase(),
    align: 'right' as const,
  }))
  const table = renderTable(
    [{ title: 'MODULE' }, { title: 'USER' }, ...columns],
    [
      ...report.namespaces.map((one) => [one.module, one.userId, ...countCells(one)]),
      ['(blobs)', '', ...countCells(report.blobs)],
      ['(all)', '', ...countCells(report.total)],
    ],
  )
  const end = report.equal ? 'Both sides hold the same.' : 'The sides differ.'
  return `${table}${renderDifferences(report, differences)}\n${end}\n`
}

function countCells(counts: ComparisonCounts): string[] {
  const { equal, different, onlyInSource, onlyInTarget, deletedInSource, deletedInTarget } = counts
  return [equal, different, onlyInSource, onlyInTarget, deletedInSource, deletedInTarget].map(formatCount)
}

function renderDifferences({ total }: ComparisonReport, differences: readonly StoreDifference[]): string {
  if (differences.length === 0) return ''
  const shown = differences.slice(0, MAX_SHOWN).map(({ kind, namespace, id, source, target }) => {
    const place = namespace === undefined ? id : `${namespace.module}/${namespace.userId}/${id}`
    return `${WORDS[kind]}  ${displayable(place)}  r2=${source ?? '-'} sqlite=${target ?? '-'}\n`
  })
  const { equal: _equal, ...counts } = total
  const more = Object.values(counts).reduce((sum, count) => sum + count, 0) - shown.length
  return `\n${shown.join('')}${more > 0 ? `... and ${formatCount(more)} more; --json lists them\n` : ''}`
}
