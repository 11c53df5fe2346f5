import type { CollectReport } from '@umbra/core'
import type { Command } from 'commander'
import { createCommand } from '../create-command.ts'
import type { CreateCommand } from '../create-command.ts'
import { EXIT_CODES } from '../exit-codes.ts'
import { maintainNamespaces } from '../maintained-namespaces.ts'
import type { NamespaceResult, NamespaceScope } from '../maintained-namespaces.ts'
import { formatBytes, formatCount } from '../output/format-quantity.ts'
import { printResult } from '../output/print-result.ts'
import { renderTable } from '../output/render-table.ts'

interface GcOptions extends NamespaceScope {
  readonly json?: true
  readonly dryRun?: true
}

/** `umbra gc`: deletes objects that nothing refers to any more, once their grace is over. */
export const createGcCommand: CreateCommand = (context, finish): Command =>
  createCommand('gc', 'delete objects that nothing refers to any more, once their grace of a day is over')
    .option('--module <module>', 'only this module')
    .option('--user <user>', 'only this user')
    .option('--dry-run', 'say what would be deleted and change nothing')
    .action(async (options: GcOptions) => {
      const dryRun = options.dryRun === true
      const reports = await maintainNamespaces(context, options, (maintenance, namespace) =>
        maintenance.collect(namespace, { dryRun }),
      )
      printResult(context, options, { document: reports, text: () => renderReports(reports) })
      if (reports.some(({ failed }) => failed.length > 0)) finish(EXIT_CODES.failed)
    })

function renderReports(reports: readonly NamespaceResult<CollectReport>[]): string {
  const table = renderTable(
    [
      { title: 'MODULE' },
      { title: 'USER' },
      { title: 'REPLACED', align: 'right' },
      { title: 'ORPHANS', align: 'right' },
      { title: 'BYTES OF ORPHANS', align: 'right' },
    ],
    reports.map(({ module, userId, superseded, orphans, orphanBytes }) => [
      module,
      userId,
      formatCount(superseded),
      formatCount(orphans),
      formatBytes(orphanBytes),
    ]),
  )
  const failures = reports.flatMap(({ failed }) =>
    failed.map(({ key, message }) => `not deleted: ${key}: ${message}\n`),
  )
  return [table, ...failures].join('')
}
