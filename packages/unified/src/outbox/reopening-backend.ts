import { isUmbraError, UmbraError } from '@umbra/core'
import type {
  BlobStore,
  NamespaceMaintenance,
  NumberedCommits,
  ReadOptions,
  StorageBackend,
  StorageCapabilities,
  StoreInventory,
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

  /** Not to be opened for what may not ask the store: then it has not seen anything yet. */
  async function backendFor(options: ReadOptions | undefined): Promise<StorageBackend> {
    const { consistency } = options ?? {}
    const mayAsk = consistency?.kind !== 'bounded' || consistency.maxAgeMs !== Infinity
    if (mayAsk || opened !== undefined) return backend()
    throw new UmbraError('UNAVAILABLE', 'the store was never reached, so nothing of it was seen before')
  }

  /** A part that the backend has once it is open, unless it never has it. */
  async function part<P extends keyof StorageBackend>(name: P): Promise<NonNullable<StorageBackend[P]>> {
    const found = (await backend())[name]
    if (found === undefined || found === null) throw unsupported(name)
    return found
  }

  const blobs: BlobStore = {
    put: async (...about) => (await backend()).blobs.put(...about),
    get: async (...about) => (await backend()).blobs.get(...about),
    delete: async (...about) => (await backend()).blobs.delete(...about),
    newest: async (...about) => (await backend()).blobs.newest?.(...about),
  }
  const numbered: NumberedCommits = {
    commitNumbered: async (...about) => (await part('numbered')).commitNumbered(...about),
  }
  const maintenance: NamespaceMaintenance = {
    check: async (...about) => (await part('maintenance')).check(...about),
    rebuild: async (...about) => (await part('maintenance')).rebuild(...about),
    compact: async (...about) => (await part('maintenance')).compact(...about),
    collect: async (...about) => (await part('maintenance')).collect(...about),
  }
  const inventory: StoreInventory = {
    async *listNamespaces() {
      yield* (await part('inventory')).listNamespaces()
    },
    async *listBlobs() {
      yield* (await part('inventory')).listBlobs()
    },
    findDeletions: async (...about) => (await part('inventory')).findDeletions(...about),
  }

  return {
    ...like,
    blobs,
    numbered,
    maintenance,
    inventory,
    bulk: { importRecords: async (...about) => (await part('bulk')).importRecords(...about) },
    pins: {
      pin: async (namespace) => (await part('pins')).pin(namespace),
      release: (snapshot) => opened?.pins?.release(snapshot),
    },
    uploads: {
      presign: async (...about) => (await part('uploads')).presign(...about),
      open: async (...about) => (await part('uploads')).open(...about),
      delete: async (...about) => (await part('uploads')).delete(...about),
    },
    commit: async (...about) => (await backend()).commit(...about),
    purge: async (...about) => (await backend()).purge?.(...about),
    getEntry: async (...about) => (await backendFor(about[2])).getEntry(...about),
    findEntries: async (...about) => (await backendFor(about[2])).findEntries(...about),
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

function unsupported(what: string): UmbraError {
  return new UmbraError('UNSUPPORTED', `the store cannot do that. what=${what}`)
}
