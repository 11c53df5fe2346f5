import type { Namespace, StorageBackend } from '@umbra/core'

/** Nothing is stored under it: only whether the store answers matters. */
const PROBE_ID = 'probe'

/** Asks a store something that sending needs anyway, the namespace's head, to see whether it answers. */
export async function probeStore(store: StorageBackend, namespace: Namespace): Promise<void> {
  await store.getEntry(namespace, PROBE_ID)
}
