import { UmbraError } from '@umbra/core'
import { Argument } from 'commander'
import type { Command } from 'commander'
import type { CliContext } from '../cli-context.ts'
import { confirm } from '../confirm.ts'
import { createCommand } from '../create-command.ts'
import type { CreateCommand } from '../create-command.ts'
import { describeConflict } from '../describe-conflict.ts'
import type { DescribedConflict } from '../describe-conflict.ts'
import { drainOutbox } from '../drain-outbox.ts'
import { EXIT_CODES } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { withOutbox, withSender } from '../outbox-file.ts'
import { printResult } from '../output/print-result.ts'
import { renderConflicts, subjectOf } from '../output/render-conflicts.ts'
import { DEFAULT_SYNC_SECONDS, timeoutSeconds } from './sync.ts'

const ACTIONS = ['list', 'retry', 'discard'] as const
type Action = (typeof ACTIONS)[number]

interface ConflictsOptions {
  readonly json?: true
  readonly yes?: true
  readonly timeout: number
}

/** `umbra conflicts`: refused writes that wait for somebody to decide. */
export const createConflictsCommand: CreateCommand = (context, finish): Command =>
  createCommand('conflicts', 'list refused writes that were pending before; retry or discard one')
    .addArgument(new Argument('[action]', 'what to do').choices(ACTIONS).default('list'))
    .argument('[id]', 'which one, for retry and discard')
    .option('--yes', 'do not ask before discarding, or before putting a version over the current one')
    .option('--timeout <seconds>', 'the longest wait for a retry', timeoutSeconds, DEFAULT_SYNC_SECONDS)
    .action(async (action: Action, id: string | undefined, options: ConflictsOptions) => {
      if ((id === undefined) !== (action === 'list'))
        throw new UmbraError('INVALID_INPUT', 'retry and discard need the id of a conflict, list takes none')
      finish(await perform(context, { action, id: id ?? '' }, options))
    })

function perform(
  context: CliContext,
  { action, id }: { readonly action: Action; readonly id: string },
  options: ConflictsOptions,
): Promise<ExitCode> {
  switch (action) {
    case 'list':
      return list(context, options)
    case 'retry':
      return retry(context, id, options)
    case 'discard':
      return discard(context, id, options)
    default:
      return action satisfies never
  }
}

async function list(context: CliContext, options: ConflictsOptions): Promise<ExitCode> {
  const conflicts = await listAll(context)
  printResult(context, options, { document: conflicts, text: () => renderConflicts(conflicts) })
  return conflicts.length === 0 ? EXIT_CODES.ok : EXIT_CODES.differences
}

/** Over the version that is current now, whoever wrote it. */
async function retry(context: CliContext, id: string, options: ConflictsOptions): Promise<ExitCode> {
  const before = await listAll(context)
  const found = findIn(before, id)
  // One that was refused for another reason still names the version it is made over.
  if (found.kind === 'conflict') {
    const question = `Put the refused ${nameOf(found)} over what is there now, whoever wrote it?`
    if (!(await confirm(context, question, options))) return EXIT_CODES.failed
  }
  const pending = await withSender(context.env, async (storage) => {
    await storage.resolveConflict(id, 'retry')
    return drainOutbox(context, storage, options.timeout * 1_000)
  })
  const again = (await listAll(context)).filter((one) => before.every((known) => known.id !== one.id))
  const outcome = again.length > 0 ? 'refused' : pending > 0 ? 'pending' : 'stored'
  printResult(context, options, {
    document: { id, action: 'retry', outcome, conflicts: again },
    text: () => (again.length > 0 ? renderConflicts(again) : `${id}  ${outcome}\n`),
  })
  if (outcome === 'stored') return EXIT_CODES.ok
  return outcome === 'refused' ? EXIT_CODES.differences : EXIT_CODES.unavailable
}

async function discard(context: CliContext, id: string, options: ConflictsOptions): Promise<ExitCode> {
  const found = findIn(await listAll(context), id)
  const question = `Drop the refused ${nameOf(found)} for good?`
  if (!(await confirm(context, question, options))) return EXIT_CODES.failed
  await withOutbox(context.env, async (outbox) => outbox?.discard(id))
  printResult(context, options, {
    document: { id, action: 'discard', outcome: 'discarded' },
    text: () => `${id}  discarded\n`,
  })
  return EXIT_CODES.ok
}

function nameOf(conflict: DescribedConflict): string {
  const { module, userId, changes } = conflict
  const place = module === null ? '' : `${module}/${userId}/`
  return `${changes[0]?.operation ?? 'write'} of ${place}${subjectOf(conflict)}`
}

function listAll({ env }: CliContext): Promise<readonly DescribedConflict[]> {
  return withOutbox(env, async (outbox) => (outbox?.listed() ?? []).map(describeConflict))
}

function findIn(conflicts: readonly DescribedConflict[], id: string): DescribedConflict {
  const found = conflicts.find((one) => one.id === id)
  if (found !== undefined) return found
  throw new UmbraError('NOT_FOUND', `there is no such conflict; umbra conflicts lists them. id=${id}`)
}
