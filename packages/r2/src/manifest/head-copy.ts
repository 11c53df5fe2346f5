import { headContentType, partsPrefix, renderHead, withRetry } from '@umbra/core'
import type { ManifestHead, Namespace } from '@umbra/core'
import type { ManifestContext } from './manifest-context.ts'

/** `manifests.d/{module}/{user}/h/`: copies of the head, each named by its version. */
export function copiesPrefix(namespace: Namespace): string {
  return `${partsPrefix(namespace)}h/`
}

/**
 * Keeps a copy of a head whose parts were just merged, as the place to rebuild from should the head be lost: what it
 * refers to stays until the next merge, which makes the next copy.
 */
export async function storeHeadCopy(
  namespace: Namespace,
  head: ManifestHead,
  { objects, retry }: Pick<ManifestContext, 'objects' | 'retry'>,
): Promise<void> {
  const key = `${copiesPrefix(namespace)}${String(head.header.seq).padStart(12, '0')}-${head.header.commit}.jsonl`
  const body = renderHead(head)
  await withRetry(() => objects.put(key, body, { contentType: headContentType(body) }), retry)
}
