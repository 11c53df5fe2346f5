import { compareCodePoints, namespacePath } from '@umbra/core'
import type { ListedBlob, StoreInventory } from '@umbra/core'
import { mergeOrdered } from '../migration/merge-ordered.ts'
import type { ListedBackend } from '../migration/migration-context.ts'

/**
 * What either side of a hybrid lists, the primary's where both do. A copy of what was deleted from the primary is listed too: whoever
 * reads it through the hybrid finds nothing.
 */
export function createInventoryOfBoth(
  primary: ListedBackend,
  secondary: ListedBackend,
): Pick<StoreInventory, 'listNamespaces' | 'listBlobs'> {
  return {
    async *listNamespaces() {
      const seen = new Set<string>()
      for (const { inventory } of [primary, secondary]) {
        for await (const namespace of inventory.listNamespaces()) {
          const path = namespacePath(namespace)
          if (seen.has(path)) continue
          seen.add(path)
          yield namespace
        }
      }
    },

    async *listBlobs() {
      const pairs = mergeOrdered<ListedBlob>(
        primary.inventory.listBlobs(),
        secondary.inventory.listBlobs(),
        (a, b) => compareCodePoints(a.path, b.path),
      )
      for await (const { source, target } of pairs) yield source ?? target
    },
  }
}
