import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'

/** Larger pieces would hold up the event loop while they are hashed. */
const CHUNK_BYTES = 1024 * 1024

export interface FileDigest {
  readonly bytes: number
  /** Lower-case hex. */
  readonly sha256: string
}

/** Two buffers in turn, one read while the other is hashed: a stream's fresh buffer for every piece takes half as long again. */
export async function hashFile(path: string): Promise<FileDigest> {
  const file = await open(path)
  try {
    const hash = createHash('sha256')
    let [hashed, filled] = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)]
    let bytes = 0
    let { bytesRead } = await file.read(filled, 0, CHUNK_BYTES)
    while (bytesRead > 0) {
      ;[hashed, filled] = [filled, hashed]
      const reading = file.read(filled, 0, CHUNK_BYTES)
      hash.update(hashed.subarray(0, bytesRead))
      bytes += bytesRead
      bytesRead = (await reading).bytesRead
    }
    return { bytes, sha256: hash.digest('hex') }
  } finally {
    await file.close()
  }
}
