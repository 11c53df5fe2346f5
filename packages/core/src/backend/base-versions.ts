import type { ManifestEntry } from '../records/manifest-entry.ts'
import type { Namespace } from '../records/namespace.ts'

/** The current entry of an id, a deletion too, and its bases. */
export interface BasedEntry {
  readonly entry: ManifestEntry
  readonly bases: readonly string[]
}

/**
 * Where records of another backend are copied to. The bases of a record name the versions of the other one's over which its entry here
 * may have been made: the one that was copied last, and those of its own that were sent there since. A copy sets them in its own commit
 * (`Mutation`), and every other change keeps them, a deletion and a new record under the id too: so it is always known what was changed here
 * alone, and over what, whichever process died when. What names a version is up to whoever copies.
 */
export interface BaseVersions {
  /** As of one moment during this call; undefined when the id never had a record. */
  get(namespace: Namespace, id: string): Promise<BasedEntry | undefined>

  /** Gives each of these ids that has an entry the bases that `edit` makes of it; undefined: those it has. All in one step. */
  edit(
    namespace: Namespace,
    ids: readonly string[],
    edit: (current: BasedEntry) => readonly string[] | undefined,
  ): Promise<void>
}
