import type { CliContext } from './cli-context.ts'
import { withOutbox } from './outbox-file.ts'
import { formatCount } from './output/format-quantity.ts'
import { backlogDepth } from '../outbox/backlog-depth.ts'

/** Says how many acknowledged writes are in neither store yet, when there are any. */
export async function warnOfPending({ env, stderr }: CliContext): Promise<void> {
  const pending = await withOutbox(env, async (outbox) => backlogDepth(outbox?.backlog() ?? []))
  if (pending > 0)
    stderr.write(
      `pending writes are no part of this: ${formatCount(pending)} in the outbox; umbra sync sends them\n`,
    )
}
