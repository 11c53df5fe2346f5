import type { BaseVersions, ManifestEntry, Namespace } from '@umbra/core'
import { decideRecord } from './decide-record.ts'
import type { RecordDecision, RecordOnBothSides } from './decide-record.ts'
import type { MigrationContext } from './migration-context.ts'
import { isDiverged, isNamed, isUnchanged, isVersion } from './version-bases.ts'

/**
 * As {@link decideRecord}, but of the two halves of a hybrid: the revision that is higher does not win over what was changed on the
 * other side since both had the same. SQLite knows over what its versions were made, whichever side it is.
 */
export async function judgeRecord(
  { source, target, isHybrid }: Pick<MigrationContext, 'source' | 'target' | 'isHybrid'>,
  namespace: Namespace,
  record: RecordOnBothSides,
): Promise<RecordDecision> {
  const decision = decideRecord(record)
  const bases = source.bases ?? target.bases
  if (!isHybrid || bases === undefined || decision === 'alreadyThere') return decision
  const isSource = source.bases !== undefined
  const [own, other] = isSource ? [record.source, record.target] : [record.target, record.source]
  if (own === undefined) {
    const isRepeated = other !== undefined && decision === 'delete'
    return isRepeated ? judgeDeletion(bases, namespace, other) : decision
  }
  const known = await bases.get(namespace, own.id)
  if (known === undefined || !isVersion(known.entry, own)) return isDone(decision) ? decision : 'moved'
  if (other !== undefined) return isDiverged(known.bases, own, other) ? 'diverged' : decision
  const deletion = isSource ? record.deletedInTarget : record.deletedInSource
  const isOfThis = deletion?.timestamp === own.timestamp
  return isOfThis && known.bases.length > 0 && !isUnchanged(known.bases, own, deletion)
    ? 'diverged'
    : decision
}

/** Of R2's version, which SQLite has deleted. */
async function judgeDeletion(
  bases: BaseVersions,
  namespace: Namespace,
  other: ManifestEntry,
): Promise<RecordDecision> {
  const known = await bases.get(namespace, other.id)
  if (known?.entry.op !== 'del') return 'moved'
  return known.bases.length > 0 && !isNamed(known.bases, other) ? 'diverged' : 'delete'
}

function isDone(decision: RecordDecision): boolean {
  return decision !== 'copy' && decision !== 'delete'
}
