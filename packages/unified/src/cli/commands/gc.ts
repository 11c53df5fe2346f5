import type { CollectReport } from '@umbra/core'
import type { Command } from 'commander'
import type { CliContext } from '../cli-context.ts'
import { confirm } from '../confirm.ts'
import { createCommand } from '../create-command.ts'
import type { CreateCommand } from '../create-command.ts'
import { EXIT_CODES } from '../exit-codes.ts'
import { maintainNamespaces } from '../maintained-namespaces.ts'
import type { NamespaceResult, NamespaceScope } from '../maintained-namespaces.ts'
import { formatBytes, formatCount } from '../output/format-quantity.ts'
import { printResult } from '../output/print-result.ts'
import { renderTable } from '../output/render-table.ts'
import { sumBy } from '../summarise-store.ts'

interface GcOptions extends NamespaceScope {
  readonly json?: true
  readonly dryRun?: true
  readonly yes?: true
}

type Collected = readonly NamespaceResult<CollectReport>[]

/** `umbra gc`: deletes objects that nothing refers to any more, once their grace is over. */
export const createGcCommand: CreateCommand = (context, finish): Command =>
  createCommand('gc', 'delete objects that nothing refers to any more, once their grace of a day is over')
    .option('--module <module>', 'only this module')
    .option('--user <user>', 'only this user')
    .option('--dry-run', 'say what would be deleted and change nothing')
    .option('--yes', 'do not ask before objects are deleted')
    .action(async (options: GcOptions) => {
      if (!(await agreeToDeletions(context, options))) return finish(EXIT_CODES.failed)
      const reports = await collect(context, options, options.dryRun === true)
      printResult(context, options, { document: reports, text: () => renderReports(reports) })
      if (reports.some(({ failed }) => failed.length > 0)) finish(EXIT_CODES.failed)
    })

/** Looks first, unless it was agreed to already. */
async function agreeToDeletions(context: CliContext, options: GcOptions): Promise<boolean> {
  if (options.yes === true || options.dryRun === true) return true
  const plan = await collect(context, options, true)
  const objects = sumBy(plan, ({ superseded, orphans }) => superseded + orphans)
  if (objects === 0) return true
  const question = `Delete ${formatCount(objects)} objects from r2, because nothing refers to them any more?`
  return confirm(context, question, options)
}

function collect(context: CliContext, scope: NamespaceScope, dryRun: boolean): Promise<Collected> {
  return maintainNamespaces(context, scope, (maintenance, namespace) =>
    maintenance.collect(namespace, { dryRun }),
  )
}

function renderReports(reports: Collected): string {
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
