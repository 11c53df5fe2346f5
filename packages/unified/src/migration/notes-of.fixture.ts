import type { StorageBackend } from '@umbra/core'
import { migrationNotes, notedDeletions } from '../hybrid/migration-notes.ts'
import type { MigrationOptions } from './migration-options.ts'

/** What `umbra migrate` hands over where the application is in hybrid mode. */
export function notesOf(
  sides: { readonly source: StorageBackend; readonly target: StorageBackend },
  from: 'sqlite' | 'r2',
): Pick<MigrationOptions, 'isHybrid' | 'onEqual' | 'onEqualBlob' | 'findDeleted'> {
  const side = from === 'sqlite' ? 'source' : 'target'
  return { ...migrationNotes(sides[side]), ...notedDeletions(sides[side], side) }
}
