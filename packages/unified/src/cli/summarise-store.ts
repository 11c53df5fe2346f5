import type { Namespace } from '@umbra/core'
import { listEntries } from '../migration/list-entries.ts'
import { mapConcurrently } from '../migration/map-concurrently.ts'
import type { ListedBackend } from '../migration/migration-context.ts'
import type { MigrationScope } from '../migration/migration-options.ts'

export interface NamespaceSummary extends Namespace {
  readonly records: number
  /** Bytes of bodies. */
  readonly bytes: number
}

export interface StoreSummary {
  readonly namespaces: readonly NamespaceSummary[]
  readonly blobs: { readonly blobs: number; readonly bytes: number }
}

const PARALLEL_NAMESPACES = 4

/** Counts what a store holds, by listing it. */
export async function summariseStore(store: ListedBackend, scope: MigrationScope): Promise<StoreSummary> {
  const found: Namespace[] = []
  for await (const namespace of store.inventory.listNamespaces()) {
    if (scope.module !== undefined && namespace.module !== scope.module) continue
    if (scope.userId !== undefined && namespace.userId !== scope.userId) continue
    found.push(namespace)
  }
  const namespaces = await mapConcurrently(found, PARALLEL_NAMESPACES, async (namespace) => {
    let records = 0
    let bytes = 0
    for await (const { entry } of listEntries(store, namespace, scope.since)) {
      records++
      bytes += entry.size
    }
    return { ...namespace, records, bytes }
  })
  const blobs = { blobs: 0, bytes: 0 }
  if (scope.module === undefined && scope.userId === undefined) {
    for await (const { size } of store.inventory.listBlobs()) {
      blobs.blobs++
      blobs.bytes += size
    }
  }
  return { namespaces, blobs }
}

export function sumBy<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0)
}
