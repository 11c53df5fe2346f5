import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { recordEtag } from '@umbra/core'
import type { ManifestEntry, Mutation, Namespace, StorageBackend } from '@umbra/core'

/** Short, as one is kept with every record that was copied. */
const DIGEST_BYTES = 16

/** Behind a version that was sent to the other backend, which may never have got it. */
const SENT = '?'

/** What tells a version from every other one: two of the same revision and content may still differ in their metadata, and then in their time. */
export function versionOf(entry: ManifestEntry): string {
  const version = `${recordEtag(entry)} ${entry.updated_at ?? entry.timestamp}`
  const digest = createHash('sha256').update(version).digest().subarray(0, DIGEST_BYTES)
  return `${entry.rev}-${digest.toString('base64url')}`
}

/** For a mutation that makes a copy of this version. One that gets another revision is a version that the other backend is to have, too. */
export function copyOf(version: ManifestEntry): Pick<Mutation, 'bases'> {
  return { bases: (made) => [...new Set([versionOf(version), versionOf(made)])] }
}

/** For a mutation that repeats a deletion of the other backend's: nothing is made over what it had. */
export const COPY_OF_DELETION: Pick<Mutation, 'bases'> = { bases: () => [] }

/**
 * Before these versions are sent to the other backend: should the answer be lost, what is changed here from now on was made over them
 * all the same. Resolves to those that are still current; the others are not to be sent.
 */
export async function addSent(
  { bases }: StorageBackend,
  namespace: Namespace,
  entries: readonly ManifestEntry[],
): Promise<ReadonlySet<ManifestEntry>> {
  if (bases === undefined) return new Set(entries)
  const current = new Set<ManifestEntry>()
  const byId = new Map(entries.map((entry) => [entry.id, entry]))
  await bases.edit(namespace, [...byId.keys()], (known) => {
    const entry = byId.get(known.entry.id)
    if (entry === undefined || !isVersion(known.entry, entry)) return undefined
    current.add(entry)
    return isNamed(known.bases, entry) ? undefined : [...known.bases, `${versionOf(entry)}${SENT}`]
  })
  return current
}

/** Both backends have these versions: no earlier one is a base any more. Later ones stay, as this may be said in any order. */
export async function settleEqual(
  { bases }: StorageBackend,
  namespace: Namespace,
  entries: readonly ManifestEntry[],
): Promise<void> {
  if (bases === undefined) return
  const unsettled: ManifestEntry[] = []
  for (const entry of entries) {
    const known = await bases.get(namespace, entry.id)
    if (known !== undefined && settled(known.bases, known.entry, entry) !== undefined) unsettled.push(entry)
  }
  if (unsettled.length === 0) return
  const byId = new Map(unsettled.map((entry) => [entry.id, entry]))
  await bases.edit(namespace, [...byId.keys()], (known) => {
    const entry = byId.get(known.entry.id)
    return entry && settled(known.bases, known.entry, entry)
  })
}

/** Undefined when it is nothing new, or what is here now was not made over it: others may have deleted that, and copied what is older. */
function settled(
  bases: readonly string[],
  current: ManifestEntry,
  equal: ManifestEntry,
): readonly string[] | undefined {
  if (current.op === 'del') return undefined
  const isFirstCopy = bases.length === 0 && current.timestamp === equal.timestamp
  if (!isNamed(bases, equal) && !isVersion(current, equal) && !isFirstCopy) return undefined
  const kept = bases.filter((base) => Number.parseInt(base) > equal.rev)
  const edited = [...new Set([versionOf(equal), ...kept])]
  return isDeepStrictEqual(edited, bases) ? undefined : edited
}

/** Versions name hashes, of which a hard deletion leaves nothing. What is there again, and another record, keeps its own. */
export async function forgetBases(
  { bases }: StorageBackend,
  namespace: Namespace,
  { id, timestamp }: { readonly id: string; readonly timestamp?: string },
): Promise<void> {
  await bases?.edit(namespace, [id], ({ entry }) =>
    entry.op === 'del' && entry.timestamp === (timestamp ?? entry.timestamp) ? [] : undefined,
  )
}

/** The bases of the record, if this is still its current version. */
export async function basesOf(
  { bases }: StorageBackend,
  namespace: Namespace,
  entry: ManifestEntry,
): Promise<readonly string[] | undefined> {
  const known = await bases?.get(namespace, entry.id)
  return known !== undefined && isVersion(known.entry, entry) ? known.bases : undefined
}

/** Whether what has these bases may have been made over this version of the other backend's, or is its copy. */
export function isNamed(bases: readonly string[], version: ManifestEntry): boolean {
  const name = versionOf(version)
  return bases.includes(name) || bases.includes(`${name}${SENT}`)
}

/** Whether the entry with these bases is a copy, and no version of this backend's own. */
export function isCopy(bases: readonly string[], entry: ManifestEntry): boolean {
  return bases.includes(versionOf(entry))
}

/**
 * Whether the other backend has moved on from what they had in common, and this one too: its version is none of the bases, nor before
 * them. Or they are two records with one id.
 */
export function isDiverged(bases: readonly string[], own: ManifestEntry, other: ManifestEntry): boolean {
  if (isNamed(bases, other)) return false
  if (other.rev > own.rev && isUnchanged(bases, own, other)) return false
  return own.timestamp !== other.timestamp || bases.some((base) => Number.parseInt(base) <= other.rev)
}

/** The lowest revision that both backends had, so the one by which a deletion of the other backend's knows what was made over it. */
export function lowestBase(bases: readonly string[]): number {
  return Math.min(...bases.map((base) => Number.parseInt(base)))
}

/** Whether it is a copy; or the only version that was ever sent, over which the other backend's was made if it is of the same record. */
export function isUnchanged(
  bases: readonly string[],
  own: ManifestEntry,
  other?: Pick<ManifestEntry, 'timestamp'>,
): boolean {
  if (isCopy(bases, own)) return true
  return bases.length === 1 && isNamed(bases, own) && own.timestamp === other?.timestamp
}

/** Whether it is still this version. */
export function isVersion(current: ManifestEntry, entry: ManifestEntry): boolean {
  return current.op === entry.op && versionOf(current) === versionOf(entry)
}
