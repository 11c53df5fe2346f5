import type { Command } from 'commander'
import { compareStores } from '../../migration/compare-stores.ts'
import type { StoreDifference } from '../../migration/comparison-report.ts'
import { createCommand, given } from '../create-command.ts'
import type { CreateCommand } from '../create-command.ts'
import { EXIT_CODES } from '../exit-codes.ts'
import { bothStores, withStores } from '../open-stores.ts'
import { printResult } from '../output/print-result.ts'
import { renderComparison } from '../output/render-comparison.ts'
import { warnOfPending } from '../warn-of-pending.ts'

interface CompareCommandOptions {
  readonly json?: true
  readonly module?: string
  readonly user?: string
}

/** More are only counted, so that memory does not grow with them. */
const MAX_LISTED = 10_000

/** `umbra compare`: whether r2 and sqlite hold the same. */
export const createCompareCommand: CreateCommand = (context, finish): Command =>
  createCommand('compare', 'say whether r2 and sqlite hold the same, and list what differs')
    .option('--module <module>', 'only this module')
    .option('--user <user>', 'only this user')
    .action(async ({ json, module, user }: CompareCommandOptions) => {
      const settings = bothStores(context.env)
      const differences: StoreDifference[] = []
      const report = await withStores(
        ['r2', 'sqlite'],
        settings,
        async ([source, target]) =>
          source &&
          target &&
          compareStores(source, target, {
            ...given({ module, userId: user }),
            signal: context.signal,
            onDifference: (one) => differences.length < MAX_LISTED && differences.push(one),
          }),
        { readOnly: true, mustExist: true },
      )
      if (report === undefined) return
      await warnOfPending(context)
      printResult(context, given({ json }), {
        document: { source: 'r2', target: 'sqlite', ...report, differences },
        text: () => renderComparison(report, differences),
      })
      if (!report.equal) finish(EXIT_CODES.differences)
    })
