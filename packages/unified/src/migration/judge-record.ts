import type { BaseVersions, Deletion, ManifestEntry, Namespace } from '@umbra/core'
import { decideRecord } from './decide-record.ts'
import type { RecordDecision, RecordOnBothSides } from './decide-record.ts'
import type { MigrationContext } from './migration-context.ts'
import { isCopy, isDiverged, isNamed, isUnchanged, isVersion } from './version-bases.ts'

/**
 * As {@link decideRecord}, but of the two halves of a hybrid: the revision that is higher does not win over what was changed on the
 * other side since both had the same. SQLite knows over what its versions were made, whichever side it is.
 */
export async function judgeRecord(
  sides: Pick<MigrationContext, 'source' | 'target' | 'isHybrid'>,
  namespace: Namespace,
  record: RecordOnBothSides,
): Promise<RecordDecision> {
  const { source, target, isHybrid } = sides
  const decision = decideRecord(record)
  const bases = source.bases ?? target.bases
  if (!isHybrid || bases === undefined || decision === 'alreadyThere') return decision
  const isSource = source.bases !== undefined
  const [own, other] = isSource ? [record.source, record.target] : [record.target, record.source]
  if (own === undefined) {
    const deletion = isSource ? record.deletedInSource : record.deletedInTarget
    if (other === undefined || deletion === undefined) return decision
    return judgeDeletion(await bases.get(namespace, other.id), other, decision)
  }
  const known = await bases.get(namespace, own.id)
  if (known === undefined || !isVersion(known.entry, own)) {
    // The target has another version by now, which may be all that was missing.
    if (!isSource && known?.entry.op === 'put')
      return judgeRecord(sides, namespace, { ...record, target: known.entry })
    return isDone(decision) ? decision : 'moved'
  }
  if (other !== undefined) return isDiverged(known.bases, own, other) ? 'diverged' : decision
  const deletion = isSource ? record.deletedInTarget : record.deletedInSource
  // R2's was an earlier record.
  if (deletion === undefined || deletion.timestamp < own.timestamp) return decision
  if (isCopy(known.bases, own)) return isSource ? 'deletedInTarget' : 'delete'
  return judgeDeleted(known.bases, own, { deletion, decision })
}

/** Of what SQLite has changed, while R2 has deleted it, or a later record with its id. */
function judgeDeleted(
  bases: readonly string[],
  own: ManifestEntry,
  { deletion, decision }: { readonly deletion: Deletion; readonly decision: RecordDecision },
): RecordDecision {
  const isOfThis = deletion.timestamp === own.timestamp
  // Without bases R2 never had this one: a deletion of a later record says nothing of it.
  if (bases.length === 0) return isOfThis ? decision : 'reused'
  return isOfThis && isUnchanged(bases, own, deletion) ? decision : 'diverged'
}

/** Of R2's version, while SQLite has deleted a record with its id. */
function judgeDeletion(
  known: Awaited<ReturnType<BaseVersions['get']>>,
  other: ManifestEntry,
  decision: RecordDecision,
): RecordDecision {
  if (known?.entry.op !== 'del') return isDone(decision) ? decision : 'moved'
  const { entry, bases } = known
  // R2's is a later record, or the very version that was deleted.
  if (entry.timestamp < other.timestamp || isNamed(bases, other)) return decision
  if (bases.length > 0) return 'diverged'
  return entry.timestamp === other.timestamp ? decision : 'reused'
}

function isDone(decision: RecordDecision): boolean {
  return decision !== 'copy' && decision !== 'delete'
}
