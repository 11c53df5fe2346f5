import { createMemoryBody } from '@umbra/core'
import type { EntryDraft, JsonObject, ManifestEntry, Namespace, StorageBackend } from '@umbra/core'
import { listEntries } from './list-entries.ts'

export const NAMESPACE: Namespace = { module: 'finance', userId: 'user123' }

export interface SampleRecord {
  readonly id: string
  readonly value: unknown
  readonly timestamp?: string
  readonly metadata?: JsonObject
}

/** Stores a first revision with everything in it under control of the test. */
export async function put(
  backend: StorageBackend,
  { id, value, timestamp = '2026-01-02T03:04:05.678Z', metadata = {} }: SampleRecord,
  { rev = 1, namespace = NAMESPACE }: { rev?: number; namespace?: Namespace } = {},
): Promise<ManifestEntry> {
  const body = createMemoryBody(new TextEncoder().encode(JSON.stringify(value)))
  const draft: EntryDraft = {
    id,
    module: namespace.module,
    user_id: namespace.userId,
    timestamp,
    data_type: 'json',
    size: body.size,
    metadata,
    sha256: body.sha256,
    record_count: null,
    text: id,
  }
  const [stored] = await backend.commit(namespace, [
    { kind: 'put', draft, body, rev, expect: { kind: 'older', rev } },
  ])
  if (stored === undefined) throw new Error('nothing was stored')
  return stored.entry
}

export async function remove(backend: StorageBackend, id: string, namespace = NAMESPACE): Promise<void> {
  const current = await backend.getEntry(namespace, id)
  if (current === undefined) throw new Error(`there is no ${id}`)
  const etag = `${current.entry.rev}-${current.entry.sha256.slice(0, 32)}`
  const at = '2026-02-03T04:05:06.789Z'
  await backend.commit(namespace, [{ kind: 'delete', id, expect: { kind: 'etag', etag }, at }])
}

/** Every live entry without what is the store's own. */
export async function contentsOf(backend: StorageBackend, namespace = NAMESPACE) {
  const contents: Omit<ManifestEntry, 'key' | 'etag'>[] = []
  for await (const { entry } of listEntries(backend, namespace, undefined)) {
    const { key: _key, etag: _etag, ...content } = entry
    contents.push(content)
  }
  return contents
}
