import { hasErrorCode, recordEtag, UmbraError, verifiedStream } from '@umbra/core'
import type { Namespace, RecordBody, StoredEntry } from '@umbra/core'
import type { HybridParts } from './hybrid-parts.ts'
import { copiedVersion } from './primary-note.ts'
import { storedBody, toDraft } from './secondary-only.ts'

/** A record that keeps changing while it is carried over is given up after this many tries. */
const MAX_TRIES = 5

/**
 * What a process that knows only the secondary has changed there, the primary gets before it decides about the record's next version:
 * so that nothing acknowledged is written over unseen. Only over the very version that was changed: where the primary has another one by
 * now, that one stays. Resolves to the secondary's entry.
 */
export async function carryOver(
  parts: HybridParts,
  namespace: Namespace,
  copy: StoredEntry,
): Promise<StoredEntry | undefined> {
  let current: StoredEntry | undefined = copy
  for (let tries = 1; current !== undefined; tries++) {
    try {
      await carryOnce(parts, namespace, current)
      return current
    } catch (error) {
      // It was changed once more while it was read.
      if (tries >= MAX_TRIES || !hasErrorCode(error, 'CONFLICT')) throw error
    }
    current = await parts.secondary.getEntry(namespace, copy.entry.id)
  }
  return undefined
}

async function carryOnce(parts: HybridParts, namespace: Namespace, copy: StoredEntry): Promise<void> {
  const { primary, secondary } = parts
  const { entry } = copy
  const base = await copiedVersion(secondary, namespace, entry)
  if (base === undefined || base === recordEtag(entry)) return
  const current = await primary.getEntry(namespace, entry.id)
  if (current === undefined || recordEtag(current.entry) !== base || current.entry.rev >= entry.rev) return
  const put = { kind: 'put', draft: toDraft(entry), body: verifiedBody(parts, copy), rev: entry.rev } as const
  try {
    await primary.commit(namespace, [{ ...put, expect: { kind: 'etag', etag: base } }])
  } catch (error) {
    // Somebody has written meanwhile, and the primary decides; or nobody can read any more what was changed.
    if (hasErrorCode(error, 'PRECONDITION_FAILED', 'NOT_FOUND', 'CORRUPT')) return
    if (!hasErrorCode(error, 'OUTCOME_PENDING')) throw error
    throw new UmbraError('UNAVAILABLE', 'r2 did not answer before the write was tried; try again', {
      cause: error,
      details: { outcome: 'not-applied' },
    })
  }
}

/** What replaces an intact body must be one. */
function verifiedBody({ secondary }: HybridParts, copy: StoredEntry): RecordBody {
  const body = storedBody(secondary, copy)
  return {
    ...body,
    async *stream(range) {
      if (range === undefined) yield* verifiedStream(copy.entry, body.stream())
      else yield* body.stream(range)
    },
  }
}
