import { decodeCursor } from '@umbra/core'
import type { EntryPosition, Namespace, StorageBackend, StoredEntry } from '@umbra/core'

/** Few enough to hold, with their search text, on both sides; many, because a page costs R2 a look at all entries. */
const PAGE_SIZE = 5_000

/** The live entries of a namespace, oldest first, page by page: what is stored meanwhile may or may not be among them. */
export async function* listEntries(
  backend: Pick<StorageBackend, 'findEntries'>,
  namespace: Namespace,
  since: string | undefined,
): AsyncGenerator<StoredEntry, void, undefined> {
  let after: EntryPosition | undefined
  do {
    const page = await backend.findEntries(namespace, {
      order: 'oldest',
      limit: PAGE_SIZE,
      ...(since !== undefined && { from: since }),
      ...(after !== undefined && { after }),
    })
    yield* page.items
    after = page.cursor === undefined ? undefined : decodeCursor(page.cursor, 'oldest')
  } while (after !== undefined)
}
