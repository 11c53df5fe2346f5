import type { Clock } from '../../clock.ts'

/** Often enough that no idle timeout of a client sees a pause. */
const TICK_MS = 20

/** Passes bytes on at a steady pace: a step of a pipeline. */
export function paced(
  bytesPerSecond: number,
  clock: Clock,
): (source: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array> {
  const pieceBytes = Math.max(1, Math.round((bytesPerSecond * TICK_MS) / 1_000))
  const pieceMs = (pieceBytes / bytesPerSecond) * 1_000
  return async function* (source) {
    for await (const chunk of source) {
      for (let start = 0; start < chunk.byteLength; start += pieceBytes) {
        await clock.sleep(pieceMs)
        yield chunk.subarray(start, start + pieceBytes)
      }
    }
  }
}
