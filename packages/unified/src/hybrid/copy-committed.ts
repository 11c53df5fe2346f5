import { hasErrorCode, mutationId, recordEtag } from '@umbra/core'
import type { ManifestEntry, Mutation, Namespace, StorageBackend, StoredEntry } from '@umbra/core'
import { isSameRevision } from '../migration/decide-record.ts'
import { basesOf, COPY_OF_DELETION, copyOf, isCopy } from '../migration/version-bases.ts'
import { agree, removeCopy } from './agree.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { ATTEMPT_OF_COPIES, forgetAttempt, noteDeleted, noteDeleting } from './deletion-note.ts'
import { noteInPrimary, wasInPrimary } from './primary-note.ts'

/** Each failed try means that another writer's copy arrived, so this is never reached unless something is wrong. */
const MAX_TRIES = 100

/**
 * Brings the secondary to what the primary committed. Older revisions never replace newer ones, so copies may arrive
 * in any order. Resolves to the committed entries, of which some may have been raised: see {@link agree}.
 */
export async function copyCommitted(
  parts: HybridParts,
  namespace: Namespace,
  mutations: readonly Mutation[],
  committed: readonly StoredEntry[],
): Promise<readonly StoredEntry[]> {
  const { secondary } = parts
  const entries = committed.map(({ entry }) => entry)
  const before = await findCopiesLeft(parts, namespace, mutations, entries)
  await noteCommitted(secondary, namespace, committed, before)
  // A copy that is made from now on is made by somebody who sees that note.
  const isDeletion = entries.some(({ op }) => op === 'del')
  const copies = isDeletion ? await findCopiesLeft(parts, namespace, mutations, entries) : before
  const copied = await copyMissing(parts, namespace, { mutations, committed, copies, noted: before })
  return Promise.all(
    committed.map(async (stored, index) => {
      const mutation = mutations[index]
      const copy = copied.get(stored.entry.id)
      if (mutation?.kind !== 'put' || stored.entry.op !== 'put' || copy === undefined) return stored
      return agree(parts, namespace, { mutation, stored, copy })
    }),
  )
}

/** Before a copy is made: what is not noted counts as a record of the secondary's own. */
async function noteCommitted(
  secondary: StorageBackend,
  namespace: Namespace,
  committed: readonly StoredEntry[],
  copies: readonly (StoredEntry | undefined)[],
): Promise<void> {
  await Promise.all(
    committed.map(async ({ entry }, index) => {
      const there = copies[index]?.entry
      if (entry.op === 'del') await noteDeleted(secondary, namespace, { ...entry, rev: entry.rev - 1 })
      else if (there === undefined || !isInTheWay(there, entry))
        await noteInPrimary(secondary, namespace, entry)
    }),
  )
}

/** The copies there are, without those of what the primary has no more. */
async function findCopiesLeft(
  parts: HybridParts,
  namespace: Namespace,
  mutations: readonly Mutation[],
  entries: readonly ManifestEntry[],
): Promise<readonly (StoredEntry | undefined)[]> {
  const copies = await findCopies(parts.secondary, namespace, mutations)
  const isChanged = await removeDeleted(parts, namespace, entries, copies)
  return isChanged ? findCopies(parts.secondary, namespace, mutations) : copies
}

function findCopies(
  secondary: StorageBackend,
  namespace: Namespace,
  mutations: readonly Mutation[],
): Promise<readonly (StoredEntry | undefined)[]> {
  return Promise.all(mutations.map((one) => secondary.getEntry(namespace, mutationId(one))))
}

/** Removes copies, at a revision that no copy of what was committed reaches, of what the primary has no more. Resolves to whether there were any. */
async function removeDeleted(
  parts: HybridParts,
  namespace: Namespace,
  entries: readonly ManifestEntry[],
  copies: readonly (StoredEntry | undefined)[],
): Promise<boolean> {
  const { primary, secondary } = parts
  const removed = await Promise.all(
    entries.map(async (entry, index) => {
      const copy = copies[index]?.entry
      if (copy === undefined || copy.rev < entry.rev) return false
      const mayBeDeleted = isInTheWay(copy, entry)
        ? await wasInPrimary(secondary, namespace, copy)
        : entry.op === 'del' && (await isUnchangedCopy(secondary, namespace, copy))
      if (!mayBeDeleted) return false
      // Nobody is to take the copy for a record if the primary goes away before it has answered.
      const attempt =
        entry.timestamp === copy.timestamp &&
        (await noteDeleting(secondary, namespace, copy, ATTEMPT_OF_COPIES))
      if ((await primary.getEntry(namespace, copy.id))?.entry.timestamp === copy.timestamp) {
        if (attempt !== false) await forgetAttempt(secondary, namespace, attempt)
        return false
      }
      await removeCopy(parts, namespace, copy)
      return true
    }),
  )
  return removed.includes(true)
}

/** Whether it is no version that the secondary alone has changed. */
async function isUnchangedCopy(
  secondary: StorageBackend,
  namespace: Namespace,
  copy: ManifestEntry,
): Promise<boolean> {
  const bases = await basesOf(secondary, namespace, copy)
  return bases !== undefined && isCopy(bases, copy)
}

/** Whether it is another record under this id, which no copy of the committed one replaces. */
function isInTheWay(copy: ManifestEntry, committed: ManifestEntry): boolean {
  return copy.timestamp !== committed.timestamp && copy.rev >= committed.rev
}

async function copyMissing(
  { secondary }: HybridParts,
  namespace: Namespace,
  {
    mutations,
    committed,
    copies: seen,
    noted,
  }: {
    readonly mutations: readonly Mutation[]
    readonly committed: readonly StoredEntry[]
    readonly copies: readonly (StoredEntry | undefined)[]
    /** Those that were there when what was committed was last noted. */
    readonly noted: readonly (StoredEntry | undefined)[]
  },
): Promise<ReadonlyMap<string, ManifestEntry>> {
  let copies = seen
  for (let tries = 1; ; tries++) {
    // What was in the way of a record may not be any more.
    if (copies !== noted) await noteCommitted(secondary, namespace, committed, copies)
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

/** The mutation that brings the secondary's live entry to the committed one; undefined when there is nothing to do. */
function toCopy(
  mutation: Mutation,
  committed: ManifestEntry | undefined,
  copy: ManifestEntry | undefined,
): Mutation | undefined {
  if (committed === undefined || (copy !== undefined && copy.rev >= committed.rev)) return undefined
  const expectCopy = copy && ({ kind: 'etag', etag: recordEtag(copy) } as const)
  if (mutation.kind === 'put')
    return {
      ...mutation,
      rev: committed.rev,
      expect: expectCopy ?? { kind: 'absent' },
      ...copyOf(committed),
    }
  return expectCopy && { ...mutation, expect: expectCopy, ...COPY_OF_DELETION }
}
