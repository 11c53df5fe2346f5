import type { DescribedConflict } from '../describe-conflict.ts'
import { formatCount } from './format-quantity.ts'
import { displayable, renderTable } from './render-table.ts'

/** A person reads no more; `--json` has all of them. */
const MAX_EXPLAINED = 20

/** A table of all, then why each was refused and what can be done. */
export function renderConflicts(conflicts: readonly DescribedConflict[]): string {
  if (conflicts.length === 0) return 'No refused writes.\n'
  const columns = ['ID', 'MODULE', 'USER', 'RECORD', 'OPERATION', 'WRITTEN', 'REFUSED', 'REASON']
  const rows = conflicts.map((one) => [
    one.id,
    one.module ?? '(blobs)',
    one.userId ?? '',
    subjectOf(one),
    one.changes[0]?.operation ?? '',
    one.queuedAt,
    one.refusedAt,
    one.reason.code,
  ])
  const table = renderTable(
    columns.map((title) => ({ title })),
    rows,
  )
  const explained = conflicts.slice(0, MAX_EXPLAINED).map(explain)
  const more = conflicts.length - explained.length
  return `${table}\n${explained.join('\n')}${more > 0 ? `\n... and ${formatCount(more)} more\n` : ''}`
}

/** The first record it is about, and how many others. */
export function subjectOf({ changes }: DescribedConflict): string {
  const [first] = changes
  return `${first?.id ?? ''}${changes.length > 1 ? ` and ${formatCount(changes.length - 1)} more` : ''}`
}

function explain(one: DescribedConflict): string {
  const { id, kind, module, userId, changes, reason } = one
  const look =
    kind === 'conflict' && module !== null
      ? [
          `  umbra get ${[module, userId ?? '', changes[0]?.id ?? ''].map(quote).join(' ')}   what is there now\n`,
        ]
      : []
  const retry =
    kind === 'conflict' ? 'put the refused version over it' : 'send it again, once the reason is mended'
  return [
    `${id}  ${displayable(reason.message)}\n`,
    ...look,
    `  umbra conflicts retry ${id}   ${retry}\n`,
    `  umbra conflicts discard ${id}   drop the refused version\n`,
  ].join('')
}

/** For a shell, where it needs it. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${displayable(word).replaceAll("'", `'\\''`)}'`
}
