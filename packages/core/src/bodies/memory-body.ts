import { createHash } from 'node:crypto'
import type { ByteRange, RecordBody } from './record-body.ts'

/** A body held in memory. */
export function createMemoryBody(bytes: Uint8Array): RecordBody {
  return {
    size: bytes.byteLength,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes,
    async *stream(range?: ByteRange) {
      yield range === undefined
        ? bytes
        : bytes.subarray(range.start, range.end === undefined ? undefined : range.end + 1)
    },
    dispose: async () => {},
  }
}
