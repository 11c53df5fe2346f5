import type { Command } from 'commander'
import { backlogDepth } from '../../outbox/backlog-depth.ts'
import type { CliContext } from '../cli-context.ts'
import { createCommand, wholeNumber } from '../create-command.ts'
import type { CreateCommand } from '../create-command.ts'
import { describeConflict } from '../describe-conflict.ts'
import type { DescribedConflict } from '../describe-conflict.ts'
import { drainOutbox } from '../drain-outbox.ts'
import { EXIT_CODES } from '../exit-codes.ts'
import { withOutbox, withSender } from '../outbox-file.ts'
import { formatCount } from '../output/format-quantity.ts'
import { printResult } from '../output/print-result.ts'
import { renderConflicts } from '../output/render-conflicts.ts'

interface SyncCommandOptions {
  readonly json?: true
  readonly timeout: number
}

interface SyncReport {
  /** Operations that were pending and are not any more, without those that were refused. */
  readonly stored: number
  readonly pending: number
  readonly conflicts: readonly DescribedConflict[]
}

interface OutboxState {
  readonly pending: number
  readonly conflicts: readonly DescribedConflict[]
}

export const DEFAULT_SYNC_SECONDS = 60
const MAX_SYNC_SECONDS = 86_400

export const timeoutSeconds = wholeNumber(1, MAX_SYNC_SECONDS)

/** `umbra sync`: sends what is pending in this machine's outbox, and waits for it. */
export const createSyncCommand: CreateCommand = (context, finish): Command =>
  createCommand('sync', "send what is pending in this machine's outbox to R2, and wait for it")
    .option('--timeout <seconds>', 'the longest wait', timeoutSeconds, DEFAULT_SYNC_SECONDS)
    .action(async (options: SyncCommandOptions) => {
      const report = await sync(context, options.timeout * 1_000)
      printResult(context, options, { document: report, text: () => renderReport(report) })
      if (report.pending > 0) finish(EXIT_CODES.unavailable)
      else if (report.conflicts.length > 0) finish(EXIT_CODES.differences)
    })

async function sync(context: CliContext, timeoutMs: number): Promise<SyncReport> {
  const before = await readOutbox(context)
  if (before.pending > 0) await withSender(context.env, (storage) => drainOutbox(context, storage, timeoutMs))
  const after = await readOutbox(context)
  const refused = after.conflicts.filter(({ id }) => before.conflicts.every((one) => one.id !== id))
  // An application that writes meanwhile adds to what is pending.
  const stored = Math.max(before.pending - after.pending - refused.length, 0)
  return { stored, ...after }
}

function readOutbox({ env }: CliContext): Promise<OutboxState> {
  return withOutbox(env, async (outbox) => ({
    pending: backlogDepth(outbox?.backlog() ?? []),
    conflicts: (outbox?.listed() ?? []).map(describeConflict),
  }))
}

function renderReport({ stored, pending, conflicts }: SyncReport): string {
  const counts = `${formatCount(stored)} stored, ${formatCount(pending)} pending, ${formatCount(conflicts.length)} refused\n`
  return conflicts.length === 0 ? counts : `${counts}\n${renderConflicts(conflicts)}`
}
