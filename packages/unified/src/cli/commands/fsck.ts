import type { CheckReport } from '@umbra/core'
import type { Command } from 'commander'
import { createCommand } from '../create-command.ts'
import type { CreateCommand } from '../create-command.ts'
import { EXIT_CODES } from '../exit-codes.ts'
import { maintainNamespaces } from '../maintained-namespaces.ts'
import type { NamespaceResult, NamespaceScope } from '../maintained-namespaces.ts'
import { formatBytes, formatCount } from '../output/format-quantity.ts'
import { printResult } from '../output/print-result.ts'
import { renderTable } from '../output/render-table.ts'

interface FsckOptions extends NamespaceScope {
  readonly json?: true
  readonly deep?: true
}

/** `umbra fsck`: is everything there that the manifests say, and nothing else? Changes nothing. */
export const createFsckCommand: CreateCommand = (context, finish): Command =>
  createCommand('fsck', 'check manifests, their parts and that every record has its body')
    .option('--module <module>', 'only this module')
    .option('--user <user>', 'only this user')
    .option('--deep', 'download every body and compare its hash too')
    .action(async (options: FsckOptions) => {
      const deep = options.deep === true
      const reports = await maintainNamespaces(context, options, (maintenance, namespace) =>
        maintenance.check(namespace, { deep }),
      )
      printResult(context, options, { document: reports, text: () => renderReports(reports) })
      if (reports.some(({ problems }) => problems.length > 0)) finish(EXIT_CODES.differences)
    })

function renderReports(reports: readonly NamespaceResult<CheckReport>[]): string {
  const table = renderTable(
    [
      { title: 'MODULE' },
      { title: 'USER' },
      { title: 'RECORDS', align: 'right' },
      { title: 'BYTES', align: 'right' },
      { title: 'PARTS', align: 'right' },
      { title: 'PROBLEMS', align: 'right' },
    ],
    reports.map(({ module, userId, records, bytes, parts, problems }) => [
      module,
      userId,
      formatCount(records),
      formatBytes(bytes),
      formatCount(parts),
      formatCount(problems.length),
    ]),
  )
  const problems = reports.flatMap(({ module, userId, problems: found }) =>
    found.map(({ kind, subject, message }) => `${module}/${userId}: ${kind}: ${subject}\n  ${message}\n`),
  )
  return [table, ...problems].join('')
}
