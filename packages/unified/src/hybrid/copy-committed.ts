import { hasErrorCode, mutationId, recordEtag } from '@umbra/core'
import type {
  ManifestEntry,
  Mutation,
  Namespace,
  PutMutation,
  StorageBackend,
  StoredEntry,
} from '@umbra/core'
import { isSameRevision } from '../migration/decide-record.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { noteDeletion, noteEqual, noteInPrimary, noteSending, wasDeleted } from './primary-note.ts'
import { isOnlyHere, storedBody, toDraft } from './secondary-only.ts'

/** Each failed try means that another writer's copy arrived, so this is never reached unless something is wrong. */
const MAX_TRIES = 100

/**
 * Brings the secondary to what the primary committed. Older revisions never replace newer ones, so copies may arrive
 * in any order. Resolves to the committed entries, of which some may have been raised: see {@link raise}.
 */
export async function copyCommitted(
  parts: HybridParts,
  namespace: Namespace,
  mutations: readonly Mutation[],
  committed: readonly StoredEntry[],
): Promise<readonly StoredEntry[]> {
  const { secondary } = parts
  const entries = committed.map(({ entry }) => entry)
  const before = await findCopies(secondary, namespace, mutations)
  await Promise.all(
    entries.map(async (entry, index) => {
      if (isOfAnother(before[index]?.entry, entry)) return
      if (entry.op === 'del') await noteDeletion(secondary, namespace, { ...entry, rev: entry.rev - 1 })
      else await noteInPrimary(secondary, namespace, entry)
    }),
  )
  // A copy that is made from now on is made by somebody who sees that note.
  const isDeletion = entries.some(({ op }) => op === 'del')
  const copies = isDeletion ? await findCopies(secondary, namespace, mutations) : before
  const copied = await copyMissing(parts, namespace, { mutations, committed, copies })
  return Promise.all(
    committed.map(async (stored, index) => {
      const mutation = mutations[index]
      if (mutation?.kind !== 'put' || stored.entry.op !== 'put') return stored
      return agree(parts, namespace, { mutation, stored, copy: copied.get(stored.entry.id) })
    }),
  )
}

/** What both have from now on, once the copy is made. */
async function agree(
  parts: HybridParts,
  namespace: Namespace,
  {
    mutation,
    stored,
    copy,
  }: {
    readonly mutation: PutMutation
    readonly stored: StoredEntry
    readonly copy: ManifestEntry | undefined
  },
): Promise<StoredEntry> {
  if (copy === undefined) return stored
  const { entry } = stored
  const mayBeDeleted = await wasDeleted(parts.secondary, namespace, entry)
  if (mayBeDeleted && (await replaceIfDeleted(parts, namespace, copy))) return stored
  if (copy.rev !== entry.rev) return raise(parts, namespace, { mutation, stored, copy })
  if (isCopy(copy, entry)) await noteEqual(parts.secondary, namespace, entry)
  return stored
}

function findCopies(
  secondary: StorageBackend,
  namespace: Namespace,
  mutations: readonly Mutation[],
): Promise<readonly (StoredEntry | undefined)[]> {
  return Promise.all(mutations.map((one) => secondary.getEntry(namespace, mutationId(one))))
}

/** Whether the secondary has a record of its own under this id, which no copy replaces. */
export function isOfAnother(copy: ManifestEntry | undefined, committed: ManifestEntry): boolean {
  return copy !== undefined && copy.timestamp !== committed.timestamp && copy.rev >= committed.rev
}

/** Copies a record's current state once more, whatever it is. */
export async function copyAgain(parts: HybridParts, namespace: Namespace, id: string): Promise<void> {
  const { primary, secondary } = parts
  // The secondary first: only what it had before the primary was asked can be outdated.
  const copy = await secondary.getEntry(namespace, id)
  const current = await primary.getEntry(namespace, id)
  if (current !== undefined) {
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
  await replaceCopy(parts, namespace, copy.entry)
}

async function copyMissing(
  { secondary }: HybridParts,
  namespace: Namespace,
  {
    mutations,
    committed,
    copies: seen,
  }: {
    readonly mutations: readonly Mutation[]
    readonly committed: readonly StoredEntry[]
    readonly copies: readonly (StoredEntry | undefined)[]
  },
): Promise<ReadonlyMap<string, ManifestEntry>> {
  let copies = seen
  for (let tries = 1; ; tries++) {
    const missing = mutations.flatMap(
      (mutation, index) => toCopy(mutation, committed[index]?.entry, copies[index]?.entry) ?? [],
    )
    const there = copies.filter((copy, index) => isThere(copy?.entry, committed[index]?.entry))
    try {
      const stored = missing.length === 0 ? [] : await secondary.commit(namespace, missing)
      return new Map([...there, ...stored].flatMap((one) => (one ? [[one.entry.id, one.entry]] : [])))
    } catch (error) {
      const overtaken = hasErrorCode(error, 'ALREADY_EXISTS', 'PRECONDITION_FAILED', 'NOT_FOUND')
      if (!overtaken || tries >= MAX_TRIES) throw error
    }
    copies = await findCopies(secondary, namespace, mutations)
  }
}

/** Whether it is the very copy, or that at a revision that the primary was not raised to when it was made. */
function isThere(copy: ManifestEntry | undefined, committed: ManifestEntry | undefined): boolean {
  if (copy === undefined || committed === undefined) return false
  return copy.rev >= committed.rev && isSameRevision(copy, committed)
}

function isCopy(copy: ManifestEntry | undefined, committed: ManifestEntry): boolean {
  return copy !== undefined && copy.op === 'put' && recordEtag(copy) === recordEtag(committed)
}

/** The mutation that brings the secondary's live entry to the committed one; undefined when there is nothing to do. */
function toCopy(
  mutation: Mutation,
  committed: ManifestEntry | undefined,
  copy: ManifestEntry | undefined,
): Mutation | undefined {
  if (committed === undefined || (copy !== undefined && copy.rev >= committed.rev)) return undefined
  const expectCopy = copy && ({ kind: 'etag', etag: recordEtag(copy) } as const)
  if (mutation.kind === 'put')
    return { ...mutation, rev: committed.rev, expect: expectCopy ?? { kind: 'absent' } }
  return expectCopy && { ...mutation, expect: expectCopy }
}

/**
 * The secondary gave the copy a higher revision, because it knew a deleted record with this id that the primary never
 * saw. The primary takes that revision too, so that both agree and no version is ever used twice.
 */
async function raise(
  parts: HybridParts,
  namespace: Namespace,
  copied: { readonly mutation: PutMutation; readonly stored: StoredEntry; readonly copy: ManifestEntry },
): Promise<StoredEntry> {
  const { mutation, stored, copy } = copied
  const expect = { kind: 'etag', etag: recordEtag(stored.entry) } as const
  try {
    // Should the raise not arrive, the copy was made over what the primary has.
    await noteSending(parts.secondary, namespace, stored.entry)
    await noteSending(parts.secondary, namespace, copy)
    const [raised] = await parts.primary.commit(namespace, [{ ...mutation, expect, rev: copy.rev }])
    if (raised !== undefined && isCopy(copy, raised.entry))
      await noteEqual(parts.secondary, namespace, raised.entry)
    return raised ?? stored
  } catch (error) {
    // Deleted meanwhile, or changed by a process whose newer revision, being the lower one, did not replace this copy.
    if (!hasErrorCode(error, 'NOT_FOUND', 'PRECONDITION_FAILED')) throw error
    await replaceCopy(parts, namespace, copy)
    return stored
  }
}

/**
 * A copy that was made only after the record's deletion had looked for one nobody else would remove. Resolves to whether it is gone; it is not
 * when the deletion is still under way, or was none.
 */
async function replaceIfDeleted(
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

/**
 * Removes this very version, another one is not ours to remove, and copies what the primary has by now: whoever wrote that may have found
 * this copy in the way.
 */
async function replaceCopy(parts: HybridParts, namespace: Namespace, copy: ManifestEntry): Promise<void> {
  const expect = { kind: 'etag', etag: recordEtag(copy) } as const
  const at = copy.updated_at ?? copy.timestamp
  try {
    await parts.secondary.commit(namespace, [{ kind: 'delete', id: copy.id, expect, at }])
  } catch (error) {
    if (!hasErrorCode(error, 'NOT_FOUND', 'PRECONDITION_FAILED')) throw error
  }
  await copyAgain(parts, namespace, copy.id)
}
