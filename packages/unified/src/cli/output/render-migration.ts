import type { OperationCounts } from '../../migration/count-operations.ts'
import type { MigrationCounts, MigrationFinding, MigrationReport } from '../../migration/migration-report.ts'
import type { SideSummary, VerificationReport } from '../../migration/verify-migration.ts'
import { formatBytes, formatCount, formatDollars, formatSeconds } from './format-quantity.ts'
import { displayable, renderTable } from './render-table.ts'
import type { Column } from './render-table.ts'

export interface PricedReport extends MigrationReport {
  readonly operations?: OperationCounts & { readonly dollars: number }
}

/** A person reads no more; `--json` has all of them. */
const MAX_FINDINGS = 20

const right = (title: string): Column => ({ title, align: 'right' })

const COLUMNS: readonly Column[] = [
  { title: 'MODULE' },
  { title: 'USER' },
  right('COPIED'),
  right('BYTES'),
  right('DELETED'),
  right('SAME'),
  right('NEWER THERE'),
  right('DELETED THERE'),
  right('ONLY THERE'),
  right('CONFLICTS'),
  right('UNCONVERTIBLE'),
]

export function renderMigration(report: PricedReport): string {
  const table = renderTable(COLUMNS, [
    ...report.namespaces.map((one) => [one.module, one.userId, ...countCells(one)]),
    ['(blobs)', '', ...countCells(report.blobs)],
    ['(all)', '', ...countCells(report.total)],
  ])
  return `${report.dryRun ? 'Dry run: nothing was written.\n\n' : ''}${table}${renderFindings(report.findings)}\n${renderEnd(report)}`
}

function countCells(counts: MigrationCounts): string[] {
  return [
    formatCount(counts.copied),
    formatBytes(counts.bytes),
    ...[
      counts.deleted,
      counts.alreadyThere,
      counts.newerInTarget,
      counts.deletedInTarget,
      counts.onlyInTarget,
      counts.conflicts,
      counts.unconvertible,
    ].map(formatCount),
  ]
}

function renderFindings(findings: readonly MigrationFinding[]): string {
  if (findings.length === 0) return ''
  const shown = findings.slice(0, MAX_FINDINGS).map(({ kind, namespace, id, reason }) => {
    const place = namespace === undefined ? id : `${namespace.module}/${namespace.userId}/${id}`
    return `${kind}  ${displayable(place)}  ${displayable(reason)}\n`
  })
  const more = findings.length - shown.length
  return `\n${shown.join('')}${more > 0 ? `... and ${formatCount(more)} more; --json lists all\n` : ''}`
}

function renderEnd({ total, seconds, passes, settled, dryRun, operations }: PricedReport): string {
  const cost =
    operations === undefined
      ? ''
      : `, about ${formatCount(operations.classA)} Class A and ${formatCount(operations.classB)} Class B operations (${formatDollars(operations.dollars)})`
  const verb = dryRun ? 'would be copied' : 'copied'
  const open = settled || dryRun ? '' : 'The last pass still found something to copy: run it again.\n'
  return `${formatCount(total.copied)} ${verb} in ${formatSeconds(seconds)}, ${passes} ${passes === 1 ? 'pass' : 'passes'}${cost}\n${open}`
}

export function renderVerification(
  { namespaces, blobs, equal }: VerificationReport,
  { from, to }: { readonly from: string; readonly to: string },
): string {
  const row = (name: readonly string[], one: VerificationReport['blobs']) => [
    ...name,
    ...sideCells(one.source),
    ...sideCells(one.target),
    one.equal ? 'equal' : 'DIFFERENT',
  ]
  const columns = [
    { title: 'MODULE' },
    { title: 'USER' },
    right(from.toUpperCase()),
    { title: 'HASH' },
    right(to.toUpperCase()),
    { title: 'HASH' },
    { title: 'VERIFIED' },
  ]
  const rows = [...namespaces.map((one) => row([one.module, one.userId], one)), row(['(blobs)', ''], blobs)]
  return `${renderTable(columns, rows)}\n${equal ? 'Both sides hold the same.' : 'The sides differ.'}\n`
}

function sideCells({ records, hash }: SideSummary): string[] {
  return [formatCount(records), hash.slice(0, 12)]
}
