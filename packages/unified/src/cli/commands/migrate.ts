import { UmbraError } from '@umbra/core'
import { Option } from 'commander'
import type { Command } from 'commander'
import { isNotedBucket, noteBucket } from '../../hybrid/hybrid-bucket.ts'
import { betweenHalves } from '../../hybrid/migration-notes.ts'
import { createOperationMeter } from '../../migration/count-operations.ts'
import type { OperationMeter } from '../../migration/count-operations.ts'
import type { ListedBackend } from '../../migration/migration-context.ts'
import type { HybridOptions, MigrationScope } from '../../migration/migration-options.ts'
import type { MigrationReport } from '../../migration/migration-report.ts'
import { priceOperations } from '../../migration/r2-prices.ts'
import { runMigration } from '../../migration/run-migration.ts'
import { verifyMigration } from '../../migration/verify-migration.ts'
import type { VerificationReport } from '../../migration/verify-migration.ts'
import type { CliContext } from '../cli-context.ts'
import { confirm } from '../confirm.ts'
import { createCommand, given, moment, wholeNumber } from '../create-command.ts'
import type { CreateCommand } from '../create-command.ts'
import { EXIT_CODES } from '../exit-codes.ts'
import { bothStores, openStore } from '../open-stores.ts'
import type { StoreName } from '../open-stores.ts'
import { formatCount } from '../output/format-quantity.ts'
import { printResult } from '../output/print-result.ts'
import { createProgressLine } from '../output/progress.ts'
import { renderMigration, renderVerification } from '../output/render-migration.ts'
import { warnOfPending } from '../warn-of-pending.ts'

interface MigrateOptions {
  readonly json?: true
  readonly from: StoreName
  readonly to: StoreName
  readonly dryRun?: true
  readonly verify?: true
  readonly module?: string
  readonly user?: string
  readonly since?: string
  readonly concurrency: number
  readonly yes?: true
}

/** More would wait for a connection. */
const MAX_CONCURRENCY = 64

/** `umbra migrate`: copies one store to the other. */
export const createMigrateCommand: CreateCommand = (context, finish): Command =>
  createCommand(
    'migrate',
    'copy everything from sqlite to r2, or back; may be ended and run again at any time',
  )
    .addOption(new Option('--from <store>', 'where to read').choices(['sqlite', 'r2']).makeOptionMandatory())
    .addOption(new Option('--to <store>', 'where to write').choices(['sqlite', 'r2']).makeOptionMandatory())
    .option('--dry-run', 'say what would be copied; write nothing')
    .option('--verify', 'count and hash both sides at the end')
    .option('--module <module>', 'only this module')
    .option('--user <user>', 'only this user')
    .option('--since <time>', 'only records first stored at or after this moment', moment)
    .option(
      '--concurrency <count>',
      'bodies at the same time',
      wholeNumber(1, MAX_CONCURRENCY),
      MAX_CONCURRENCY,
    )
    .option('--yes', 'do not ask before records are deleted from the target')
    .action(async (options: MigrateOptions) => {
      if (options.from === options.to) throw new UmbraError('INVALID_INPUT', '--from and --to must differ')
      await withBothSides(context, options, async (sides) => {
        if (!(await agreeToDeletions(context, sides, options))) return finish(EXIT_CODES.failed)
        const report = await migrate(context, sides, options)
        const verification =
          options.verify === true
            ? await verifyMigration(sides.source, sides.target, toScope(options))
            : undefined
        await warnOfPending(context)
        print(context, { report, verification, meter: sides.meter }, options)
        if (hasDifferences(report, verification)) finish(EXIT_CODES.differences)
      })
    })

interface Sides {
  readonly source: ListedBackend
  readonly target: ListedBackend
  readonly meter: OperationMeter
  /** What hybrid writes to its notes, and reads in them, when these are its halves; a dry run only reads. */
  readonly notes: HybridOptions
}

async function withBothSides(
  context: CliContext,
  options: MigrateOptions,
  use: (sides: Sides) => Promise<void>,
): Promise<void> {
  const settings = bothStores(context.env)
  const meter = createOperationMeter(options.concurrency)
  const readOnly = options.dryRun === true
  const { decorate } = meter
  const source = await openStore(options.from, settings, { decorate, readOnly, mustExist: true })
  try {
    const target = await openStore(options.to, settings, { decorate, readOnly })
    try {
      const side = options.from === 'sqlite' ? 'source' : 'target'
      const sqlite = { source, target }[side]
      const isHybrid = await areHalves(context, sqlite, options)
      const notes = isHybrid ? betweenHalves(sqlite, side) : {}
      await use({ source, target, meter, notes })
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

/** Looks first, unless it was agreed to already. */
async function agreeToDeletions(
  context: CliContext,
  { source, target, notes }: Sides,
  options: MigrateOptions,
): Promise<boolean> {
  if (options.yes === true || options.dryRun === true) return true
  const plan = await runMigration(source, target, {
    ...toScope(options),
    dryRun: true,
    signal: context.signal,
    ...notes,
  })
  const { deleted } = plan.total
  if (deleted === 0) return true
  const question = `Delete ${formatCount(deleted)} records from ${options.to}, because they were deleted in ${options.from}?`
  return confirm(context, question, options)
}

async function migrate(
  context: CliContext,
  { source, target, notes }: Sides,
  options: MigrateOptions,
): Promise<MigrationReport> {
  const progress = createProgressLine(context.stderr, context.clock)
  try {
    return await runMigration(source, target, {
      ...toScope(options),
      concurrency: options.concurrency,
      dryRun: options.dryRun === true,
      signal: context.signal,
      onProgress: (state) => progress.update(state),
      ...notes,
    })
  } finally {
    progress.clear()
  }
}

/** Whether both are the halves of a hybrid, or were before the application went on with one of them. */
async function areHalves(
  { env }: CliContext,
  sqlite: ListedBackend,
  { dryRun }: MigrateOptions,
): Promise<boolean> {
  const { r2 } = bothStores(env)
  if (env['STORAGE_BACKEND'] !== 'hybrid') return isNotedBucket(sqlite, r2)
  if (dryRun !== true) await noteBucket(sqlite, r2)
  return true
}

function toScope({ module, user, since }: MigrateOptions): MigrationScope {
  return given({ module, userId: user, since })
}

function hasDifferences(report: MigrationReport, verification: VerificationReport | undefined): boolean {
  const { conflicts, unconvertible } = report.total
  const unsettled = !report.settled && !report.dryRun
  return conflicts > 0 || unconvertible > 0 || unsettled || verification?.equal === false
}

function print(
  context: CliContext,
  result: {
    readonly report: MigrationReport
    readonly verification: VerificationReport | undefined
    readonly meter: OperationMeter
  },
  options: MigrateOptions,
): void {
  const counts = result.meter.counts()
  const operations = { ...counts, dollars: priceOperations(counts) }
  const { report, verification } = result
  printResult(context, options, {
    document: { ...report, operations, ...(verification && { verification }) },
    text: () =>
      renderMigration({ ...report, operations }) +
      (verification === undefined ? '' : `\n${renderVerification(verification, options)}`),
  })
}
