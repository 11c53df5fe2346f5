import { isUmbraError, withRetry } from '@umbra/core'
import type { RetryContext } from '@umbra/core'
import type { ListOptions, ObjectInfo, ObjectStore } from './object-store.ts'

/**
 * Repeats what is safe to repeat: reads, listings (from where they stopped) and deletions. Never `put`, whose lost
 * answer may hide a success. A body that fails while it is read is not repeated either: ask for the rest of it.
 */
export function withObjectRetries(store: ObjectStore, retry: RetryContext): ObjectStore {
  return {
    put: (key, body, options) => store.put(key, body, options),
    get: (key, options = {}) =>
      withRetry(() => store.get(key, options), {
        ...retry,
        shouldRetry: (error) => isUmbraError(error) && error.retryable && options.signal?.aborted !== true,
      }),
    head: (key) => withRetry(() => store.head(key), retry),
    list: (prefix, options = {}) => resumedList(store, prefix, options, retry),
    listFolders: (prefix) => gatheredFolders(store, prefix, retry),
    delete: (key) => withRetry(() => store.delete(key), retry),
    deleteMany: (keys) => withRetry(() => store.deleteMany(keys), retry),
  }
}

async function* resumedList(
  store: ObjectStore,
  prefix: string,
  options: ListOptions,
  retry: RetryContext,
): AsyncGenerator<ObjectInfo, void, undefined> {
  let seen = 0
  let startAfter = options.startAfter
  const openRest = (): AsyncIterator<ObjectInfo> => {
    const rest = {
      ...options,
      ...(startAfter !== undefined && { startAfter }),
      ...(options.limit !== undefined && { limit: options.limit - seen }),
    }
    return store.list(prefix, rest)[Symbol.asyncIterator]()
  }
  let source = openRest()
  for (;;) {
    const next = await withRetry((attempt) => {
      if (attempt > 1) source = openRest()
      return source.next()
    }, retry)
    if (next.done === true) return
    seen += 1
    startAfter = next.value.key
    yield next.value
  }
}

/** A folder listing has no place to resume from, so it is gathered before it is handed on. */
async function* gatheredFolders(
  store: ObjectStore,
  prefix: string,
  retry: RetryContext,
): AsyncGenerator<string> {
  yield* await withRetry(async () => {
    const folders: string[] = []
    for await (const folder of store.listFolders(prefix)) folders.push(folder)
    return folders
  }, retry)
}
