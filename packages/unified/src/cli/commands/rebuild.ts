import type { RebuildReport } from '@umbra/core'
import type { Command } from 'commander'
import { confirm } from '../confirm.ts'
import { createCommand } from '../create-command.ts'
import type { CreateCommand } from '../create-command.ts'
import { EXIT_CODES } from '../exit-codes.ts'
import { maintainNamespaces } from '../maintained-namespaces.ts'
import type { NamespaceResult } from '../maintained-namespaces.ts'
import { formatCount } from '../output/format-quantity.ts'
import { printResult } from '../output/print-result.ts'

interface RebuildOptions {
  readonly json?: true
  readonly dryRun?: true
  readonly yes?: true
}

/** `umbra rebuild`: a new manifest from what is left of a damaged or lost one. */
export const createRebuildCommand: CreateCommand = (context, finish): Command =>
  createCommand('rebuild', 'write a new manifest for a namespace whose own is damaged or lost')
    .argument('<module>', 'the module')
    .argument('<user>', 'the user')
    .option('--dry-run', 'say what would be restored and write nothing')
    .option('--yes', 'agree beforehand')
    .action(async (module: string, user: string, options: RebuildOptions) => {
      const dryRun = options.dryRun === true
      const question = `Replace the manifest of ${module}/${user} by one made from what is left?`
      if (!dryRun && !(await confirm(context, question, options))) return finish(EXIT_CODES.failed)
      const [report] = await maintainNamespaces(context, { module, user }, (maintenance, namespace) =>
        maintenance.rebuild(namespace, { dryRun }),
      )
      if (report === undefined) return finish(EXIT_CODES.failed)
      printResult(context, options, { document: report, text: () => renderReport(report) })
      if (report.uncertain.length > 0) finish(EXIT_CODES.differences)
    })

function renderReport(report: NamespaceResult<RebuildReport>): string {
  const { module, userId, base, records, fromListing, uncertain, dryRun } = report
  const lines = [
    `${module}/${userId}: ${dryRun ? 'would have' : 'has'} ${formatCount(records)} records`,
    `  from ${base ?? 'a listing of the bucket alone'}`,
    `  ${formatCount(fromListing)} of them found by listing the bucket`,
    ...(uncertain.length === 0
      ? []
      : [
          `  ${formatCount(uncertain.length)} may have been deleted shortly before the manifest was lost; look at them:`,
          ...uncertain.map((id) => `    ${id}`),
        ]),
  ]
  return `${lines.join('\n')}\n`
}
