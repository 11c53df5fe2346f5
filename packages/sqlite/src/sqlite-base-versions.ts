import type { BaseVersions, Namespace } from '@umbra/core'
import { eventLoopTurn } from './event-loop-turn.ts'
import type { GroupTransaction } from './group-transaction.ts'
import { toEntry } from './record-row.ts'
import type { RecordStatements } from './record-statements.ts'
import { translated } from './sqlite-error.ts'

export function createSqliteBaseVersions(
  statements: RecordStatements,
  writes: GroupTransaction,
): BaseVersions {
  const find = (namespace: Namespace, id: string) => {
    const { module, userId } = namespace
    const row = statements.findBased.get({ module, userId, id })
    return row && { pk: row.pk, entry: toEntry(row, namespace), bases: row.versions ?? [] }
  }
  return {
    async get(namespace, id) {
      await eventLoopTurn()
      const found = translated(() => find(namespace, id))
      return found && { entry: found.entry, bases: found.bases }
    },
    edit: (namespace, ids, edit) =>
      writes.run(() => {
        for (const id of ids) {
          const found = find(namespace, id)
          const edited = found && edit({ entry: found.entry, bases: found.bases })
          if (found !== undefined && edited !== undefined) setBases(statements, found.pk, edited)
        }
      }),
  }
}

/** Inside a transaction. */
export function setBases(statements: RecordStatements, record: number, versions: readonly string[]): void {
  if (versions.length === 0) statements.deleteBases.run({ record })
  else statements.putBases.run({ record, versions })
}
