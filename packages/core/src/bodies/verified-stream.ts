import { createHash } from 'node:crypto'
import { UmbraError } from '../errors/umbra-error.ts'
import type { ManifestEntry } from '../records/manifest-entry.ts'

/** Passes a whole body through and rejects with `CORRUPT` at its end when size or SHA-256 differ from the manifest. */
export async function* verifiedStream(
  entry: ManifestEntry,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of source) {
    hash.update(chunk)
    size += chunk.byteLength
    yield chunk
  }
  // The original system kept no hash: its bodies are checked by size alone.
  const intact = size === entry.size && (entry.sha256 === '' || hash.digest('hex') === entry.sha256)
  if (!intact) {
    throw new UmbraError('CORRUPT', `the stored body is not what was written; run fsck. key=${entry.key}`, {
      details: { key: entry.key, expectedBytes: entry.size, actualBytes: size },
    })
  }
}
