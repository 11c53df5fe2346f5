import { BLOBS_PREFIX, compareCodePoints } from '@umbra/core'
import type { ListedBlob, Namespace, StoreInventory } from '@umbra/core'
import type { Outbox } from '@umbra/sqlite'
import { mergeOrdered } from '../migration/merge-ordered.ts'
import { laneOf } from './lane-of.ts'

/** What the store holds in all, with what is pending laid over it. Rejects while the store is away: a part is not all of it. */
export function createOverlayInventory(inventory: StoreInventory, outbox: Outbox): StoreInventory {
  return {
    async *listNamespaces() {
      const pending = pendingNamespaces(outbox)
      for await (const namespace of inventory.listNamespaces()) {
        pending.delete(laneOf(namespace).path)
        yield namespace
      }
      yield* pending.values()
    },

    async *listBlobs() {
      const pending = pendingBlobs(outbox)
      const put = [...pending.values()].filter((blob) => blob !== undefined)
      put.sort(byPath)
      for await (const { source, target } of mergeOrdered(inventory.listBlobs(), inTurn(put), byPath)) {
        if (target !== undefined) yield target
        else if (!pending.has(source.path)) yield source
      }
    },

    async findDeletions(namespace, ids) {
      // Before the store is asked: what is sent meanwhile is then in its answer.
      const pending = outbox.pendingEntries(laneOf(namespace).path)
      const found = new Map(await inventory.findDeletions(namespace, ids))
      for (const id of ids) {
        const entry = pending.get(id)
        if (entry?.op === 'put') found.delete(id)
        // At the latest: what the store says of the record's own time is not known yet.
        else if (entry !== undefined && entry.rev > (found.get(id)?.rev ?? 0))
          found.set(id, { rev: entry.rev, timestamp: entry.timestamp })
      }
      return found
    },
  }
}

function pendingNamespaces(outbox: Outbox): Map<string, Namespace> {
  return new Map(
    outbox
      .backlog()
      .flatMap(({ lane: { path, namespace } }) =>
        namespace !== undefined && outbox.pendingEntries(path).size > 0 ? [[path, namespace] as const] : [],
      ),
  )
}

/** By path; undefined where the blob is deleted. */
function pendingBlobs(outbox: Outbox): Map<string, ListedBlob | undefined> {
  const found = new Map<string, ListedBlob | undefined>()
  for (const { lane } of outbox.backlog()) {
    const pending = lane.path.startsWith(BLOBS_PREFIX) ? outbox.pendingBlob(lane.path) : undefined
    if (pending === undefined) continue
    const { blob } = pending
    const listed = blob && {
      path: lane.path,
      etag: blob.etag,
      size: blob.bytes.byteLength,
      pending: true as const,
    }
    found.set(lane.path, listed)
  }
  return found
}

function byPath(a: ListedBlob, b: ListedBlob): number {
  return compareCodePoints(a.path, b.path)
}

async function* inTurn<T>(items: readonly T[]): AsyncGenerator<T, void, undefined> {
  yield* items
}
