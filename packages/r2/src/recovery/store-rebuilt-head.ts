import {
  hasErrorCode,
  headContentType,
  headKey,
  parseHead,
  renderHead,
  UmbraError,
  withRetry,
} from '@umbra/core'
import type { ManifestHead, Namespace } from '@umbra/core'
import { storeAnchor } from '../manifest/anchor.ts'
import { storeHeadCopy } from '../manifest/head-copy.ts'
import type { ManifestContext } from '../manifest/manifest-context.ts'

/**
 * Puts a rebuilt head exactly in the place of what was found there, then its anchor and its copy.
 *
 * @throws `CONFLICT` when somebody else was faster.
 */
export async function storeRebuiltHead(
  namespace: Namespace,
  { head, replaces }: { readonly head: ManifestHead; readonly replaces: string | undefined },
  context: ManifestContext,
): Promise<void> {
  const condition = replaces === undefined ? ({ ifNoneMatch: '*' } as const) : { ifMatch: replaces }
  const body = renderHead(head)
  const options = { ...condition, contentType: headContentType(body) }
  try {
    // The same body under the same condition: of several attempts at most one lands.
    await withRetry(() => context.objects.put(headKey(namespace), body, options), context.retry)
  } catch (error) {
    if (!hasErrorCode(error, 'PRECONDITION_FAILED', 'CONFLICT', 'NOT_FOUND')) throw error
    if (!(await isStored(namespace, head, context))) throw overtaken(namespace, error)
  }
  // Best effort: the head stands, the next commit tries the anchor again and the next merge makes a copy.
  await Promise.allSettled([storeAnchor(namespace, head, context), storeHeadCopy(namespace, head, context)])
}

/** Whether an earlier attempt, whose answer was lost, landed. */
async function isStored(
  namespace: Namespace,
  { header }: ManifestHead,
  { objects, retry }: ManifestContext,
): Promise<boolean> {
  const bytes = await withRetry(async () => {
    const found = await objects.get(headKey(namespace))
    return found?.kind === 'found' ? found.bytes() : undefined
  }, retry)
  if (bytes === undefined) return false
  try {
    return parseHead(bytes, namespace).header.epoch === header.epoch
  } catch (error) {
    if (hasErrorCode(error, 'CORRUPT')) return false
    throw error
  }
}

function overtaken(namespace: Namespace, cause: unknown): UmbraError {
  const key = headKey(namespace)
  return new UmbraError(
    'CONFLICT',
    `the manifest changed while it was rebuilt; nothing was replaced; run \`umbra fsck\`. key=${key}`,
    { cause, details: { key, outcome: 'not-applied' } },
  )
}
