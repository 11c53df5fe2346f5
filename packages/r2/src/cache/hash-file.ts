import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/** Larger pieces would hold up the event loop while they are hashed. */
const CHUNK_BYTES = 1024 * 1024

export interface FileDigest {
  readonly bytes: number
  /** Lower-case hex. */
  readonly sha256: string
}

export async function hashFile(path: string): Promise<FileDigest> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { bytes, sha256: hash.digest('hex') }
}
