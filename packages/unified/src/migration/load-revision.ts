import { DEFAULT_LIMITS, hasErrorCode, spoolBody } from '@umbra/core'
import type { RecordBody, StorageBackend, StoredEntry, UmbraError } from '@umbra/core'

/** A revision with its body, read whole and checked. */
export interface LoadedRevision {
  readonly stored: StoredEntry
  readonly body: RecordBody
}

export type LoadOutcome =
  | { readonly kind: 'loaded'; readonly revision: LoadedRevision }
  /** Replaced or removed since its entry was listed: a later pass sees what became of it. */
  | { readonly kind: 'moved' }
  | { readonly kind: 'unconvertible'; readonly reason: string }

/** Reads a body whole, so that what is written is checked before it is sent; the caller disposes it. */
export async function loadRevision(source: StorageBackend, stored: StoredEntry): Promise<LoadOutcome> {
  try {
    const body = await spoolBody(await source.openBody(stored), { maxBytes: DEFAULT_LIMITS.maxRecordBytes })
    const problem = findProblem(stored, body)
    if (problem === undefined) return { kind: 'loaded', revision: { stored, body } }
    await body.dispose()
    return { kind: 'unconvertible', reason: problem }
  } catch (error) {
    if (hasErrorCode(error, 'CONFLICT')) return { kind: 'moved' }
    if (hasErrorCode(error, 'CORRUPT', 'TOO_LARGE')) return { kind: 'unconvertible', reason: describe(error) }
    throw error
  }
}

function findProblem({ entry: { sha256, size } }: StoredEntry, body: RecordBody): string | undefined {
  if (body.size !== size) return `the body has ${body.size} bytes, its entry says ${size}`
  // The original system kept no hash.
  return sha256 === '' || sha256 === body.sha256 ? undefined : 'the body is not what its hash says'
}

function describe(error: UmbraError): string {
  return `${error.code}: ${error.message}`
}
