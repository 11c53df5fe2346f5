import { headKey, parseHead, withRetry } from '@umbra/core'
import type { BaseVersion, Namespace } from '@umbra/core'
import type { ManifestContext } from './manifest-context.ts'

/** What a read of the head found: nothing, the version already known, or another one. */
export type HeadRead =
  | { readonly kind: 'absent' }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'version'; readonly version: BaseVersion }

/** One conditional GET (repeated while the store does not answer), checked whole. */
export function readHeadVersion(
  namespace: Namespace,
  knownEtag: string | undefined,
  context: ManifestContext,
): Promise<HeadRead> {
  const key = headKey(namespace)
  return withRetry(
    async (): Promise<HeadRead> => {
      const answer = await context.objects.get(key, knownEtag === undefined ? {} : { ifNoneMatch: knownEtag })
      if (answer === undefined) return { kind: 'absent' }
      if (answer.kind === 'not-modified') return { kind: 'unchanged' }
      const head = parseHead(await answer.bytes(), namespace)
      return { kind: 'version', version: { head, etag: answer.etag } }
    },
    { policy: context.retry, clock: context.clock, random: context.ids.random },
  )
}
