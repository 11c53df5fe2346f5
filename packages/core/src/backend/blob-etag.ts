import { createHash } from 'node:crypto'

/** The MD5 of a blob's bytes in lower-case hex: S3's name for the content, and so that of every backend. */
export function blobEtag(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}
