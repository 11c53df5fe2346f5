import { hasErrorCode, recordEtag } from '@umbra/core'
import type { ManifestEntry, Namespace, PutMutation, StoredEntry } from '@umbra/core'
import { isSame } from '../migration/decide-record.ts'
import { COPY_OF_DELETION, copyOf, forgetBases } from '../migration/version-bases.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { ATTEMPT_OF_COPIES, forgetAttempt, noteDeleting, wasDeleted } from './deletion-note.ts'
import { noteInPrimary } from './primary-note.ts'
import { storedBody, toDraft } from './secondary-only.ts'

interface Copied {
  readonly mutation: PutMutation
  /** What the primary has. */
  readonly stored: StoredEntry
  /** What the secondary got of it. */
  readonly copy: ManifestEntry
}

/** What both have from now on, once the copy is made. */
export async function agree(parts: HybridParts, namespace: Namespace, copied: Copied): Promise<StoredEntry> {
  const { secondary } = parts
  const { stored, copy } = copied
  // It may have been raised above what is noted as deleted: nobody is to take it for a record if we do not come to remove it.
  const attempt =
    (await wasDeleted(secondary, namespace, stored.entry)) &&
    (await noteDeleting(secondary, namespace, copy, ATTEMPT_OF_COPIES))
  if (attempt !== false && (await replaceIfDeleted(parts, namespace, copy))) {
    // Whoever has deleted the copy, a hard deletion may have come to its end before.
    await forgetBases(secondary, namespace, copy)
    return stored
  }
  const isRaised = copy.rev !== stored.entry.rev
  const agreed = isRaised ? await raise(parts, namespace, copied) : stored
  if (attempt !== false) await forgetAttempt(secondary, namespace, attempt)
  return agreed
}

/**
 * A copy that was made only after the record's deletion had looked for one nobody else would remove. Resolves to whether it is gone; it is not
 * when the deletion is still under way, or was none.
 */
export async function replaceIfDeleted(
  parts: HybridParts,
  namespace: Namespace,
  copy: ManifestEntry,
): Promise<boolean> {
  const { primary, secondary } = parts
  const { id, timestamp } = copy
  // Another record may have the id by now, with the same content.
  if ((await secondary.getEntry(namespace, id))?.entry.timestamp !== timestamp) return true
  if ((await primary.getEntry(namespace, id))?.entry.timestamp === timestamp) return false
  await replaceCopy(parts, namespace, copy)
  return true
}

/** Removes this very version; another one is not ours to remove. */
export async function removeCopy(
  { secondary }: HybridParts,
  namespace: Namespace,
  copy: ManifestEntry,
): Promise<void> {
  const expect = { kind: 'etag', etag: recordEtag(copy) } as const
  const at = copy.updated_at ?? copy.timestamp
  try {
    await secondary.commit(namespace, [{ kind: 'delete', id: copy.id, expect, at, ...COPY_OF_DELETION }])
  } catch (error) {
    if (!hasErrorCode(error, 'NOT_FOUND', 'PRECONDITION_FAILED')) throw error
  }
}

/**
 * The secondary gave the copy a higher revision, because it knew a deleted record with this id that the primary never
 * saw. The primary takes that revision too, so that both agree and no version is ever used twice.
 */
async function raise(parts: HybridParts, namespace: Namespace, copied: Copied): Promise<StoredEntry> {
  const { mutation, stored, copy } = copied
  const expect = { kind: 'etag', etag: recordEtag(stored.entry) } as const
  try {
    const [raised] = await parts.primary.commit(namespace, [{ ...mutation, expect, rev: copy.rev }])
    return raised ?? stored
  } catch (error) {
    if (!hasErrorCode(error, 'NOT_FOUND', 'PRECONDITION_FAILED')) throw error
    return (await replaceCopy(parts, namespace, copy)) ?? stored
  }
}

/**
 * For a copy of what the primary has no more: makes it one of what is there now, in one step, so that nobody ever takes a record for deleted
 * that the primary has. Whoever wrote that has left it to us when it had the lower revision. Resolves to the primary's entry when it is that
 * very version after all.
 */
export async function replaceCopy(
  parts: HybridParts,
  namespace: Namespace,
  copy: ManifestEntry,
): Promise<StoredEntry | undefined> {
  const { primary, secondary } = parts
  const current = await primary.getEntry(namespace, copy.id)
  if (current === undefined) {
    await removeCopy(parts, namespace, copy)
    return undefined
  }
  const { entry } = current
  await noteInPrimary(secondary, namespace, entry)
  // Somebody else has raised it.
  if (isSame(copy, entry)) return current
  const mutation: PutMutation = {
    kind: 'put',
    draft: toDraft(entry),
    body: storedBody(primary, current),
    expect: { kind: 'etag', etag: recordEtag(copy) },
    rev: Math.max(copy.rev + 1, entry.rev),
    ...copyOf(entry),
  }
  try {
    const [replaced] = await secondary.commit(namespace, [mutation])
    if (replaced !== undefined)
      await agree(parts, namespace, { mutation, stored: current, copy: replaced.entry })
  } catch (error) {
    // The secondary has another version by now.
    if (!hasErrorCode(error, 'NOT_FOUND', 'PRECONDITION_FAILED')) throw error
  }
  return undefined
}
