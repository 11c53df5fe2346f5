import { isUmbraError, UmbraError } from '@umbra/core'
import type {
  BlobStore,
  NumberedCommits,
  StorageBackend,
  StorageCapabilities,
  UploadStaging,
} from '@umbra/core'

/**
 * A backend that could not be opened yet: every call tries to open it first, and rejects with what opening rejects with.
 * Calls that come while it is being opened share the attempt.
 */
export function createReopeningBackend(
  open: () => Promise<StorageBackend>,
  like: { readonly name: StorageBackend['name']; readonly capabilities: StorageCapabilities },
): StorageBackend {
  let opening: Promise<StorageBackend> | undefined
  let opened: StorageBackend | undefined

  function backend(): Promise<StorageBackend> {
    opening ??= open().then(
      (found) => (opened = found),
      (error: unknown) => {
        opening = undefined
        throw error
      },
    )
    return opening
  }

  const blobs: BlobStore = {
    put: async (...about) => (await backend()).blobs.put(...about),
    get: async (...about) => (await backend()).blobs.get(...about),
    delete: async (...about) => (await backend()).blobs.delete(...about),
  }
  const numbered: NumberedCommits = {
    async commitNumbered(...about) {
      const { numbered: found } = await backend()
      if (found === undefined) throw unsupported()
      return found.commitNumbered(...about)
    },
  }

  return {
    ...like,
    blobs,
    numbered,
    pins: {
      pin: async (namespace) => {
        const { pins } = await backend()
        if (pins === undefined) throw unsupported()
        return pins.pin(namespace)
      },
      release: (snapshot) => opened?.pins?.release(snapshot),
    },
    uploads: {
      presign: async (...about) => uploadsOf(await backend()).presign(...about),
      open: async (...about) => uploadsOf(await backend()).open(...about),
      delete: async (...about) => uploadsOf(await backend()).delete(...about),
    },
    commit: async (...about) => (await backend()).commit(...about),
    getEntry: async (...about) => (await backend()).getEntry(...about),
    findEntries: async (...about) => (await backend()).findEntries(...about),
    openBody: async (...about) => (await backend()).openBody(...about),
    presignDownload: async (...about) => (await backend()).presignDownload(...about),
    async health() {
      try {
        return await (await backend()).health()
      } catch (error) {
        if (!isUmbraError(error)) throw error
        return { healthy: false, message: error.message, latencyMs: 0 }
      }
    },
    async close() {
      await opening?.catch(() => undefined)
      await opened?.close()
    },
  }
}

function uploadsOf({ uploads }: StorageBackend): UploadStaging {
  if (uploads === undefined) throw unsupported()
  return uploads
}

function unsupported(): UmbraError {
  return new UmbraError('UNSUPPORTED', 'the store cannot do that')
}
