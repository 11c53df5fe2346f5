import { isUmbraError } from '@umbra/core'
import type { StorageManager } from '@umbra/core'

/** What each kind of read comes to that must not be out of date: the code of its error, or `answered`. */
export async function everyStrongRead(
  storage: StorageManager,
  { module, userId, id }: { readonly module: string; readonly userId: string; readonly id: string },
): Promise<Record<string, unknown>> {
  const at = [module, userId] as const
  const strong = { consistency: 'strong' } as const
  const reads = {
    retrieveData: () => storage.retrieveData(...at, id, strong),
    retrieveAll: () => storage.retrieveData(...at, undefined, strong),
    retrieveInfo: () => storage.retrieveInfo(...at, id, strong),
    listData: () => storage.listData(...at, strong),
    listEntries: () => storage.listEntries(...at, strong),
    iterateData: () => first(storage.iterateData(...at, strong)),
    openData: () => storage.openData(...at, id, strong),
    iterateRows: () => first(storage.iterateRows(...at, id, strong)),
    searchData: () => storage.searchData(...at, 'walnut', strong),
    searchEntries: () => storage.searchEntries(...at, 'walnut', strong),
    getBlob: () => storage.getBlob('blob', strong),
  }
  const outcomes: Record<string, unknown> = {}
  for (const [name, read] of Object.entries(reads))
    outcomes[name] = await read().then(
      () => 'answered',
      (error: unknown) => (isUmbraError(error) ? error.code : error),
    )
  return outcomes
}

function first(items: AsyncIterable<unknown>): Promise<unknown> {
  return items[Symbol.asyncIterator]().next()
}
