import type { ManifestEntry, Namespace, StorageBackend, StoredBlob } from '@umbra/core'

/** A second store that holds a copy of everything in the target of an import, and records that are only there. */
export interface ImportMirror {
  /** The record that is in the mirror alone: its id is taken. */
  findOnly(namespace: Namespace, id: string): Promise<ManifestEntry | undefined>
  findOnlyBlob(path: string): Promise<StoredBlob | undefined>
  hasCopy(namespace: Namespace, id: string): Promise<boolean>
  /** Copies records that the target has as they are in `stage`. */
  copyRecords(stage: StorageBackend, namespace: Namespace, entries: readonly ManifestEntry[]): Promise<void>
  /** Copies what the target has at this path. */
  copyBlob(path: string): Promise<void>
}
