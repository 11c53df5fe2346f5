import { createHash } from 'node:crypto'
import { withRetry } from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'

export interface HashedBody {
  readonly bytes: number
  /** Lower-case hex. */
  readonly sha256: string
}

/** Length and hash of what the store has under a key, not of any local copy; undefined when it has nothing. Bounded memory. */
export async function hashBody(
  key: string,
  { objects, retry }: Pick<ManifestContext, 'objects' | 'retry'>,
): Promise<HashedBody | undefined> {
  // The whole download is repeated: a body that ends early says so only while it is read.
  return withRetry(async () => {
    const found = await objects.get(key)
    if (found?.kind !== 'found') return undefined
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of found.body) {
      hash.update(chunk)
      bytes += chunk.byteLength
    }
    return { bytes, sha256: hash.digest('hex') }
  }, retry)
}
