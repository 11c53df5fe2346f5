import type { Response } from 'express'

const MIN_CHUNK_BYTES = 64 * 1024

/**
 * Sends chunks as they come, at the client's pace. Each is held back until the next one, or the end, is there:
 * a failure before the end (a checksum, say) always leaves a visibly broken answer, and one before the second chunk
 * can still be answered as a problem. Stops reading when the client goes away.
 */
export async function sendChunks(
  response: Response,
  chunks: AsyncIterable<Uint8Array | string>,
): Promise<void> {
  let held: Uint8Array | string | undefined
  for await (const chunk of chunks) {
    if (response.destroyed || response.writableEnded) return
    if (held !== undefined && !response.write(held)) await writable(response)
    held = chunk
  }
  // Nothing was written before a single chunk, so it goes with its length.
  response.end(held)
}

/** Small pieces joined to fewer writes. */
export async function* joinText(
  pieces: AsyncIterable<string> | Iterable<string>,
): AsyncGenerator<string, void, undefined> {
  let joined = ''
  for await (const piece of pieces) {
    joined += piece
    if (joined.length >= MIN_CHUNK_BYTES) {
      yield joined
      joined = ''
    }
  }
  yield joined
}

function writable(response: Response): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.once('drain', done)
    response.once('close', done)
  })
}
