import type { BlobStore, StoredBlob } from '@umbra/core'

/** The secondary's blobs, with a note of which version the primary has had. */
export interface BlobCopies {
  /** Copies what the primary has. */
  put(path: string, bytes: Uint8Array): Promise<void>
  get(path: string): Promise<StoredBlob | undefined>
  delete(path: string): Promise<void>
  /** Whether this version of the primary is here, and known to be in the primary. */
  has(path: string, etag: string): Promise<boolean>
  noteInPrimary(path: string, etag: string): Promise<void>
  /** Whether the primary has had this version: when it has no blob now, then because it was deleted there. */
  wasInPrimary(path: string, copy: StoredBlob): Promise<boolean>
}

export function createBlobCopies(blobs: BlobStore): BlobCopies {
  // Outside `json_blobs/`, so no caller's blob can have this path.
  const notePath = (path: string) => `hybrid/blobs/${path}`
  const wasInPrimary = async (path: string, { etag }: Pick<StoredBlob, 'etag'>) => {
    const note = await blobs.get(notePath(path))
    return note !== undefined && new TextDecoder().decode(note.bytes) === etag
  }
  const noteInPrimary = async (path: string, etag: string) => {
    if (await wasInPrimary(path, { etag })) return
    await blobs.put(notePath(path), new TextEncoder().encode(etag), undefined)
  }
  return {
    noteInPrimary,
    wasInPrimary,
    has: async (path, etag) => (await blobs.get(path))?.etag === etag && (await wasInPrimary(path, { etag })),
    async put(path, bytes) {
      // The note second: with an older one a crash leaves a copy that is not known, which the next read or write corrects.
      const { etag } = await blobs.put(path, bytes, undefined)
      await noteInPrimary(path, etag)
    },
    get: (path) => blobs.get(path),
    async delete(path) {
      await blobs.delete(path, undefined)
      // Otherwise the same bytes, stored in the secondary alone later, would count as deleted.
      await blobs.delete(notePath(path), undefined)
    },
  }
}
