import type { ObjectInfo } from '../../objects/object-store.ts'
import type { StoreHistory } from './object-history.ts'
import type { ListPage, ListRequest } from './store-request.ts'

/** One page of a listing as the store is now, in UTF-8 byte order. */
export function listPage(
  store: StoreHistory,
  { key: prefix, after, limit, delimiter }: ListRequest,
): ListPage {
  const objects: ObjectInfo[] = []
  const folders = new Set<string>()
  let last = ''
  for (const key of sortedKeys(store, prefix)) {
    const version = store.current(key)
    const folder = delimiter === undefined ? undefined : folderOf(key, prefix, delimiter)
    const name = folder ?? key
    if (version === undefined || compareBytes(name, after) <= 0 || folders.has(name)) continue
    if (objects.length + folders.size === limit) return { objects, folders: [...folders], next: last }
    last = name
    if (folder !== undefined) folders.add(folder)
    else {
      const { etag, lastModified, bytes } = version
      objects.push({ key, etag, size: bytes.byteLength, lastModified })
    }
  }
  return { objects, folders: [...folders], next: undefined }
}

function sortedKeys(store: StoreHistory, prefix: string): readonly string[] {
  return store
    .keys()
    .filter((key) => key.startsWith(prefix))
    .sort(compareBytes)
}

function folderOf(key: string, prefix: string, delimiter: string): string | undefined {
  const end = key.indexOf(delimiter, prefix.length)
  return end === -1 ? undefined : key.slice(0, end + delimiter.length)
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
