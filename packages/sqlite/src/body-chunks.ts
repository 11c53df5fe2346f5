import type { ByteRange } from '@umbra/core'

/** Larger bodies are cut into pieces of this size, so that they pass through memory one piece at a time. Bytes. */
export const CHUNK_BYTES = 1024 * 1024

/** Cuts a stream into chunks of exactly `chunkBytes`; only the last may be shorter. */
export async function* cutChunks(
  source: AsyncIterable<Uint8Array>,
  chunkBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  let held: Uint8Array[] = []
  let heldBytes = 0
  for await (const piece of source) {
    let rest = piece
    while (heldBytes + rest.byteLength >= chunkBytes) {
      const taken = rest.subarray(0, chunkBytes - heldBytes)
      yield Buffer.concat([...held, taken])
      rest = rest.subarray(taken.byteLength)
      held = []
      heldBytes = 0
    }
    if (rest.byteLength === 0) continue
    held.push(rest)
    heldBytes += rest.byteLength
  }
  if (heldBytes > 0) yield Buffer.concat(held)
}

/** The part of one chunk that lies within a range of the whole body. */
export function withinRange(chunk: Uint8Array, chunkStart: number, range: ByteRange): Uint8Array {
  const end = range.end === undefined ? undefined : Math.max(range.end + 1 - chunkStart, 0)
  return chunk.subarray(Math.max(range.start - chunkStart, 0), end)
}
