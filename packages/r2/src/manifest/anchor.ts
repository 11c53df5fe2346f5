import { hasErrorCode, headContentType, partsPrefix, renderHead, withRetry } from '@umbra/core'
import type { ManifestHead, Namespace } from '@umbra/core'
import type { ManifestContext } from './manifest-context.ts'

/**
 * The header of one of the first heads under a key that never changes. Where there is an anchor there was a head, so a head
 * that was deleted by hand is reported as lost and never replaced by an empty one.
 */
export function anchorKey(namespace: Namespace): string {
  return `${partsPrefix(namespace)}anchor.jsonl`
}

/** Must be stored before the first commit is acknowledged: from then on there is something to lose. */
export async function storeAnchor(
  namespace: Namespace,
  head: ManifestHead,
  { objects, retry }: Pick<ManifestContext, 'objects' | 'retry'>,
): Promise<void> {
  const body = renderHead(withoutRecords(head))
  const options = { ifNoneMatch: '*', contentType: headContentType(body) } as const
  try {
    await withRetry(() => objects.put(anchorKey(namespace), body, options), retry)
  } catch (error) {
    // Somebody's anchor is there, perhaps our own by an attempt whose answer was lost: one is as good as another.
    if (!hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
  }
}

export async function isAnchored(
  namespace: Namespace,
  { objects, retry }: Pick<ManifestContext, 'objects' | 'retry'>,
): Promise<boolean> {
  // Not by a HEAD: of the many namespaces without an anchor that would take a second request to be sure.
  const read = async () => {
    const found = await objects.get(anchorKey(namespace))
    if (found?.kind !== 'found') return false
    // Whatever it holds, even nothing. An unread body would keep its connection.
    await found.bytes()
    return true
  }
  return withRetry(read, retry)
}

/** Whether there was a newer manifest where the original system's is: a backup of it was restored, or it still writes. */
export async function isOverwritten(
  namespace: Namespace,
  { header }: ManifestHead,
  context: Pick<ManifestContext, 'objects' | 'retry'>,
): Promise<boolean> {
  return header.epoch === '' && (await isAnchored(namespace, context))
}

/** The anchor outlives every record, so it must say nothing of any. */
function withoutRecords({ header }: ManifestHead): ManifestHead {
  return { header, parts: [], garbage: undefined, tail: [] }
}
