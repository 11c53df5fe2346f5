import { blobEtag } from '@umbra/core'
import type { BlobExpectation, BlobInfo, BlobStore, StoredBlob } from '@umbra/core'
import type { PendingBlob } from '@umbra/sqlite'
import { isClosedToReaders } from './classify-failure.ts'
import { blobLane } from './lane-of.ts'
import type { OutboxWriter } from './outbox-writer.ts'
import type { SendContext } from './send-context.ts'

/** Blobs of the store, with what is pending laid over them. */
export function createOutboxBlobs(
  context: SendContext,
  writer: OutboxWriter,
  noteUse: () => void,
): BlobStore {
  const { primary, outbox, breaker } = context

  async function write(
    path: string,
    bytes: Uint8Array | undefined,
    expect: BlobExpectation,
  ): Promise<'committed' | 'pending'> {
    noteUse()
    const lane = blobLane(path)
    const delivery = await writer.write(lane, { blob: { bytes, expect, base: null } })
    return delivery.kind
  }

  function ask(path: string): Promise<StoredBlob | undefined> {
    return breaker.run(() => primary.blobs.get(path))
  }

  return {
    async put(path, bytes, expect): Promise<BlobInfo> {
      const etag = blobEtag(bytes)
      const kind = await write(path, bytes, expect)
      return { etag, size: bytes.byteLength, ...(kind === 'pending' && { pending: true }) }
    },

    async get(path, reading) {
      noteUse()
      const before = outbox.pendingBlob(path)
      if (before !== undefined && reading?.consistency === undefined) return shown(before)
      const stored = await ask(path)
      if (before === undefined) return stored
      const pending = outbox.pendingBlob(path)
      // Decided while the store was asked, whose answer may be from before that.
      return pending === undefined ? ask(path) : shown(pending)
    },

    async delete(path, expect) {
      const existed = await this.get(path).then(
        (found) => found !== undefined,
        (error: unknown) => {
          // Not known: a deletion that finds nothing does no harm.
          if (isClosedToReaders(error)) return true
          throw error
        },
      )
      if (!existed && expect === undefined) return false
      await write(path, undefined, expect)
      return existed
    },
  }
}

function shown({ blob }: PendingBlob): StoredBlob | undefined {
  return blob && { ...blob, size: blob.bytes.byteLength, pending: true }
}
