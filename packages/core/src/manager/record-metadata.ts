import { UmbraError } from '../errors/umbra-error.ts'
import { assertJsonValue } from '../formats/json-value.ts'
import type { JsonObject } from '../json.ts'
import { MAX_METADATA_BYTES } from './limits.ts'

/** @throws `INVALID_INPUT` for anything JSON cannot hold, `TOO_LARGE` past {@link MAX_METADATA_BYTES}. */
export function parseMetadata(metadata: Readonly<Record<string, unknown>>): JsonObject {
  assertJsonValue(metadata, 'metadata')
  const text = JSON.stringify(metadata)
  const bytes = Buffer.byteLength(text)
  if (bytes > MAX_METADATA_BYTES) {
    throw new UmbraError(
      'TOO_LARGE',
      `metadata is too large; keep facts to filter by and put the rest in data. bytes=${bytes}`,
      {
        details: { field: 'metadata', bytes, limit: MAX_METADATA_BYTES },
      },
    )
  }
  // A copy, so that a caller's later change cannot reach what was stored.
  return JSON.parse(text)
}
