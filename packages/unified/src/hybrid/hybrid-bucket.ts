import { hasErrorCode } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'

/** Where a bucket is. */
export interface Bucket {
  readonly endpoint: string
  readonly bucket: string
}

/** Outside `json_blobs/`, so no caller's blob can have this path. */
const PATH = 'hybrid/bucket.json'

/** That this bucket is the other half of the hybrid on this file: what is noted in the file of R2's versions is about the bucket. */
export async function noteBucket(secondary: StorageBackend, bucket: Bucket): Promise<void> {
  const stored = await secondary.blobs.get(PATH)
  const name = nameOf(bucket)
  if (stored !== undefined && textOf(stored) === name) return
  try {
    await secondary.blobs.put(
      PATH,
      new TextEncoder().encode(name),
      stored ? { kind: 'etag', etag: stored.etag } : { kind: 'absent' },
    )
  } catch (error) {
    // Another process that opens the same hybrid has noted it.
    if (!hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
  }
}

/** Whether a bucket was ever the other half of a hybrid on this file. */
export async function isHalf(secondary: StorageBackend): Promise<boolean> {
  return (await secondary.blobs.get(PATH)) !== undefined
}

/** Whether this bucket was last the other half of a hybrid on this file, whatever backend the application uses now. */
export async function isNotedBucket(secondary: StorageBackend, bucket: Bucket): Promise<boolean> {
  const stored = await secondary.blobs.get(PATH)
  return stored !== undefined && textOf(stored) === nameOf(bucket)
}

function nameOf({ endpoint, bucket }: Bucket): string {
  // However it is spelt: case, default port, a slash at the end.
  return JSON.stringify({ endpoint: new URL(endpoint).href, bucket })
}

function textOf({ bytes }: { readonly bytes: Uint8Array }): string {
  return new TextDecoder().decode(bytes)
}
