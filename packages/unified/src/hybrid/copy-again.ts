import { recordEtag } from '@umbra/core'
import type { ManifestEntry, Namespace } from '@umbra/core'
import { removeCopy, replaceCopy, replaceIfDeleted } from './agree.ts'
import { copyCommitted } from './copy-committed.ts'
import { basesOf, isCopy, isNamed } from '../migration/version-bases.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { isOnlyHere, storedBody, toDraft } from './secondary-only.ts'

/** Copies a record's current state once more, whatever it is. */
export async function copyAgain(parts: HybridParts, namespace: Namespace, id: string): Promise<void> {
  const { primary, secondary } = parts
  // The secondary first: only what it had before the primary was asked can be outdated.
  const copy = await secondary.getEntry(namespace, id)
  const current = await primary.getEntry(namespace, id)
  if (current !== undefined) {
    if (copy !== undefined && (await isLeftBehind(parts, namespace, copy.entry, current.entry)))
      return void (await replaceCopy(parts, namespace, copy.entry))
    const body = storedBody(primary, current)
    const draft = toDraft(current.entry)
    const [agreed = current] = await copyCommitted(
      parts,
      namespace,
      [{ kind: 'put', draft, body, expect: { kind: 'absent' } }],
      [current],
    )
    // Unless it was there before: then a deletion, here or wherever, has seen it.
    const isNew = copy === undefined || recordEtag(copy.entry) !== recordEtag(agreed.entry)
    if (isNew) await replaceIfDeleted(parts, namespace, agreed.entry)
    return
  }
  if (copy === undefined || (await isOnlyHere(parts, namespace, copy.entry))) return
  // It may have been carried over since the primary was asked.
  if ((await primary.getEntry(namespace, id)) !== undefined) return copyAgain(parts, namespace, id)
  await removeCopy(parts, namespace, copy.entry)
}

/** Whether the copy was raised above the primary, which has not followed, and has another version by now. What SQLite alone has changed is no copy. */
async function isLeftBehind(
  { secondary }: HybridParts,
  namespace: Namespace,
  copy: ManifestEntry,
  current: ManifestEntry,
): Promise<boolean> {
  if (copy.timestamp !== current.timestamp || copy.rev < current.rev) return false
  const bases = await basesOf(secondary, namespace, copy)
  return bases !== undefined && isCopy(bases, copy) && !isNamed(bases, current)
}
