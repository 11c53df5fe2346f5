import { hasErrorCode, parseHead, withRetry } from '@umbra/core'
import type { ManifestHead, Namespace } from '@umbra/core'
import { copiesPrefix } from '../manifest/head-copy.ts'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import { seqOf } from './part-name.ts'

export interface HeadCopyName {
  readonly key: string
  readonly seq: number
}

/** The copies of a namespace's head, newest first. There is one a merge, so there are few. */
export async function listHeadCopies(
  namespace: Namespace,
  context: ManifestContext,
): Promise<readonly HeadCopyName[]> {
  const names: HeadCopyName[] = []
  for await (const { key } of context.objects.list(copiesPrefix(namespace))) {
    const seq = seqOf(key)
    if (seq !== undefined) names.push({ key, seq })
  }
  return names.sort((a, b) => b.seq - a.seq)
}

/** Undefined when it is gone or damaged. */
export async function readHeadCopy(
  namespace: Namespace,
  key: string,
  { objects, retry }: Pick<ManifestContext, 'objects' | 'retry'>,
): Promise<ManifestHead | undefined> {
  const bytes = await withRetry(async () => {
    const found = await objects.get(key)
    return found?.kind === 'found' ? found.bytes() : undefined
  }, retry)
  if (bytes === undefined) return undefined
  try {
    return parseHead(bytes, namespace)
  } catch (error) {
    if (!hasErrorCode(error, 'CORRUPT')) throw error
    return undefined
  }
}
