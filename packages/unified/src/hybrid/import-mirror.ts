import type { Mutation, StoredEntry } from '@umbra/core'
import type { ImportMirror } from '../migration/foreign/import-mirror.ts'
import { createBlobCopies } from './blob-copies.ts'
import { copyCommitted } from './copy-committed.ts'
import { inPrimary } from './hybrid-parts.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { findRecord, storedBody, toDraft } from './secondary-only.ts'

/** For an import into the primary of a hybrid: the secondary gets its copies, and keeps what is only there. */
export function createImportMirror(parts: HybridParts): ImportMirror {
  const { primary, secondary } = parts
  const copies = createBlobCopies(secondary.blobs)
  return {
    async findOnly(namespace, id) {
      const stored = await findRecord(parts, namespace, id)
      return stored?.storedIn === 'sqlite' ? stored.entry : undefined
    },

    async findOnlyBlob(path) {
      const copy = await copies.get(path)
      if (copy === undefined || (await copies.wasInPrimary(path, copy))) return undefined
      return (await primary.blobs.get(path)) === undefined ? copy : undefined
    },

    hasCopy: async (namespace, id) => (await secondary.getEntry(namespace, id)) !== undefined,

    async copyRecords(stage, namespace, entries) {
      const staged = entries.map((entry): StoredEntry => ({ entry, storedIn: 'sqlite', pending: false }))
      const puts = staged.map((stored): Mutation => {
        const draft = toDraft(stored.entry)
        return { kind: 'put', draft, body: storedBody(stage, stored), expect: { kind: 'absent' } }
      })
      await copyCommitted(parts, namespace, puts, staged.map(inPrimary))
    },

    async copyBlob(path) {
      const blob = await primary.blobs.get(path)
      if (blob !== undefined && !(await copies.has(path, blob.etag))) await copies.put(path, blob.bytes)
    },
  }
}
