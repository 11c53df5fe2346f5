import type { Staleness, StorageBackend, StoredEntry } from '@umbra/core'
import { isClosedToReaders } from '../outbox/classify-failure.ts'

/** `primary` (R2) is the truth; `secondary` (SQLite) holds a copy of it, and records that are only there. */
export interface HybridParts {
  readonly primary: StorageBackend
  readonly secondary: StorageBackend
}

/** Said of a copy that is read in place of the truth. */
export const FROM_COPY: Staleness = { asOf: null, pending: 0 }

/** Where an entry's body is. */
export function sideOf({ primary, secondary }: HybridParts, { storedIn }: StoredEntry): StorageBackend {
  return storedIn === 'r2' ? primary : secondary
}

export function inPrimary(stored: StoredEntry): StoredEntry {
  return { ...stored, storedIn: 'r2' }
}

export function inSecondary(stored: StoredEntry): StoredEntry {
  return { ...stored, storedIn: 'sqlite' }
}

/** Reads the truth, or the copy while the truth cannot be reached or refuses our credentials. Every other failure is the caller's to see. */
export async function readEither<T>(primary: () => Promise<T>, secondary: () => Promise<T>): Promise<T> {
  try {
    return await primary()
  } catch (error) {
    if (!isClosedToReaders(error)) throw error
    return secondary()
  }
}
