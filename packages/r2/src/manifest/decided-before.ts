import { rollHash, UmbraError } from '@umbra/core'
import type { HeadHeader, NumberedOutcome, NumberedRequest, WriterMark } from '@umbra/core'

/**
 * Which of a writer's operations the head has decided already, and how. The rolling hash over their ids must be the one
 * in the head: otherwise it was somebody else, under the same name, who counted.
 */
export function decidedBefore(
  header: HeadHeader | undefined,
  { writer, mark, operations, attempted }: NumberedRequest,
): { readonly outcomes: readonly NumberedOutcome[]; readonly mark: WriterMark | undefined } {
  const found = header?.w[writer]
  if (found === undefined) {
    const forgotten = mark !== undefined || (attempted === true && (header?.forgotten ?? 0) > 0)
    if (forgotten) throw conflict('writer-forgotten', writer)
    return { outcomes: [], mark }
  }
  if (found.n < (mark?.n ?? 0)) throw conflict('head-regressed', writer, { n: found.n, h: found.h })
  const counted = operations.filter(({ n }) => n <= found.n)
  const h = counted.reduce((hash, { opId }) => rollHash(hash, opId), mark?.h ?? '')
  if (h !== found.h) throw conflict('writer-cloned', writer)
  const skipped = new Set(found.skip)
  const outcomes = counted.map(({ n }): NumberedOutcome =>
    skipped.has(n) ? { kind: 'rejected', error: undefined } : { kind: 'committed', entries: undefined },
  )
  return { outcomes, mark: { n: found.n, h: found.h } }
}

const REASONS = {
  'writer-forgotten':
    'the namespace no longer remembers this writer; look at its records before you send again',
  'head-regressed': 'the manifest is older than what this writer was told; a backup was restored; run fsck',
  'writer-cloned': 'somebody else counts under this writer name; take a new name and number again',
} as const

function conflict(reason: keyof typeof REASONS, writer: string, mark?: WriterMark): UmbraError {
  return new UmbraError('CONFLICT', `${REASONS[reason]}. writer=${writer}`, {
    details: { reason, writer, ...(mark && { mark }) },
  })
}
