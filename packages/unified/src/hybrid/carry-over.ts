import { hasErrorCode, recordEtag, UmbraError } from '@umbra/core'
import type { Namespace, StoredEntry } from '@umbra/core'
import { loadRevision } from '../migration/load-revision.ts'
import { addSent, basesOf, isNamed } from '../migration/version-bases.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { notTried } from './not-tried.ts'
import { noteInPrimary, noteSending } from './primary-note.ts'
import { toDraft } from './secondary-only.ts'

/** A record that keeps changing while it is carried over is given up after this many tries. */
const MAX_TRIES = 5

/**
 * What a process that knows only the secondary has changed there, the primary gets before it decides about the record's next version:
 * so that nothing acknowledged is written over unseen. Only over the very version that was changed: where the primary has another one by
 * now, that one stays. Resolves to the secondary's entry.
 */
export async function carryOver(
  parts: HybridParts,
  namespace: Namespace,
  copy: StoredEntry,
): Promise<StoredEntry | undefined> {
  const { id } = copy.entry
  let current: StoredEntry | undefined = copy
  for (let tries = 1; current !== undefined; tries++) {
    if ((await carryOnce(parts, namespace, current)) === 'settled') return current
    if (tries === MAX_TRIES) throw new UmbraError('CONFLICT', `others keep changing the record. id=${id}`)
    current = await parts.secondary.getEntry(namespace, id)
  }
  return undefined
}

async function carryOnce(
  { primary, secondary }: HybridParts,
  namespace: Namespace,
  copy: StoredEntry,
): Promise<'settled' | 'changed meanwhile'> {
  const { entry } = copy
  if (secondary.bases === undefined) return 'settled'
  const bases = await basesOf(secondary, namespace, entry)
  if (bases === undefined) return 'changed meanwhile'
  if (bases.length === 0 || (bases.length === 1 && isNamed(bases, entry))) return 'settled'
  const current = await primary.getEntry(namespace, entry.id)
  if (current === undefined || current.entry.rev >= entry.rev) return 'settled'
  if (!isNamed(bases, current.entry)) return 'settled'
  // Read whole and checked, as it replaces a body that may be intact.
  const loaded = await loadRevision(secondary, copy)
  if (loaded.kind === 'moved') return 'changed meanwhile'
  // Nobody can read any more what was changed.
  if (loaded.kind === 'unconvertible') return 'settled'
  const { body } = loaded.revision
  try {
    if (!(await addSent(secondary, namespace, [entry])).has(entry)) return 'changed meanwhile'
    await noteSending(secondary, namespace, entry)
    const put = { kind: 'put', draft: toDraft(entry), body, rev: entry.rev } as const
    const expect = { kind: 'etag', etag: recordEtag(current.entry) } as const
    await primary.commit(namespace, [{ ...put, expect }])
    await noteInPrimary(secondary, namespace, entry)
    return 'settled'
  } catch (error) {
    if (hasErrorCode(error, 'PRECONDITION_FAILED', 'NOT_FOUND')) return 'changed meanwhile'
    throw notTried(error)
  } finally {
    await body.dispose()
  }
}
