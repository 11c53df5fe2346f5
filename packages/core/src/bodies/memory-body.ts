import { createHash } from 'node:crypto'
import type { ByteRange, RecordBody } from './record-body.ts'

/** A body held in memory. @param sha256 - when it is already known, lower-case hex */
export function createMemoryBody(
  bytes: Uint8Array,
  sha256 = createHash('sha256').update(bytes).digest('hex'),
): RecordBody {
  return {
    size: bytes.byteLength,
    sha256,
    bytes,
    async *stream(range?: ByteRange) {
      yield range === undefined
        ? bytes
        : bytes.subarray(range.start, range.end === undefined ? undefined : range.end + 1)
    },
    dispose: async () => {},
  }
}
