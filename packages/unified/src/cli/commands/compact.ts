import type { Command } from 'commander'
import { createCommand } from '../create-command.ts'
import type { CreateCommand } from '../create-command.ts'
import { maintainNamespaces } from '../maintained-namespaces.ts'
import type { NamespaceScope } from '../maintained-namespaces.ts'
import { formatCount } from '../output/format-quantity.ts'
import { printResult } from '../output/print-result.ts'
import { renderTable } from '../output/render-table.ts'

interface CompactOptions extends NamespaceScope {
  readonly json?: true
  readonly dryRun?: true
}

/** `umbra compact`: merges all parts of a manifest into one. */
export const createCompactCommand: CreateCommand = (context): Command =>
  createCommand('compact', "merge each manifest's parts into one, which frees what updates left behind")
    .option('--module <module>', 'only this module')
    .option('--user <user>', 'only this user')
    .option('--dry-run', 'say what would be merged and change nothing')
    .action(async (options: CompactOptions) => {
      const dryRun = options.dryRun === true
      const reports = await maintainNamespaces(context, options, (maintenance, namespace) =>
        maintenance.compact(namespace, { dryRun }),
      )
      printResult(context, options, {
        document: reports,
        text: () =>
          renderTable(
            [
              { title: 'MODULE' },
              { title: 'USER' },
              { title: 'PARTS BEFORE', align: 'right' },
              { title: dryRun ? 'WOULD BE' : 'NOW', align: 'right' },
            ],
            reports.map(({ module, userId, partsBefore, partsAfter }) => [
              module,
              userId,
              formatCount(partsBefore),
              formatCount(partsAfter),
            ]),
          ),
      })
    })
