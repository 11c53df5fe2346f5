import type { StorageBackend } from '../backend/storage-backend.ts'
import { UmbraError } from '../errors/umbra-error.ts'
import { parseDataKey } from '../keys/key-paths.ts'
import { presignOptionsSchema } from './input-schemas.ts'
import { parseInput } from './parse-input.ts'
import type { PresignOptions } from './store-options.ts'

/** A link to the record that is stored under this key now. */
export async function presignRecord(
  backend: StorageBackend,
  storageKey: string,
  options: PresignOptions,
): Promise<string> {
  const { expiresIn, downloadAs } = parseInput(presignOptionsSchema, options)
  const owner = typeof storageKey === 'string' ? parseDataKey(storageKey) : undefined
  if (owner === undefined) {
    throw new UmbraError('INVALID_INPUT', "storageKey must be a record's storageKey", {
      details: { field: 'storageKey' },
    })
  }
  const stored = await backend.getEntry(owner.namespace, owner.id)
  if (stored?.entry.key !== storageKey) {
    throw new UmbraError(
      'NOT_FOUND',
      'no record has this storageKey now; read the record and use its current one',
    )
  }
  return backend.presignDownload(stored, {
    expiresInSeconds: expiresIn,
    ...(downloadAs !== undefined && { downloadAs }),
  })
}
