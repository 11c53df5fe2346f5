import type { Rejection } from '../../migration/foreign/foreign-record.ts'
import type { ImportReport } from '../../migration/foreign/import-foreign.ts'
import { formatCount } from './format-quantity.ts'
import { renderMigration } from './render-migration.ts'
import { displayable } from './render-table.ts'

const MAX_REJECTIONS = 20

export function renderImport(
  { migration, unchanged, rejected }: ImportReport,
  rejections: readonly Rejection[],
): string {
  const shown = rejections
    .slice(0, MAX_REJECTIONS)
    .map(({ origin, place, reason }) =>
      displayable(`not converted  ${origin}${place === undefined ? '' : `, ${place}`}: ${reason}`),
    )
  const more = rejected > shown.length ? [`... and ${formatCount(rejected - shown.length)} more`] : []
  const lines = [
    ...(unchanged > 0 ? [`${formatCount(unchanged)} are unchanged since they were imported`] : []),
    ...(rejected > 0 ? [`${formatCount(rejected)} could not be converted`] : []),
    ...shown,
    ...more,
  ]
  return `${renderMigration(migration)}${lines.map((line) => `${line}\n`).join('')}`
}
