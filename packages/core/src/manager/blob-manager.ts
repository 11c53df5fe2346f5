import type { BlobExpectation } from '../backend/blob-store.ts'
import { UmbraError } from '../errors/umbra-error.ts'
import { assertJsonValue } from '../formats/json-value.ts'
import { blobKey } from '../keys/key-paths.ts'
import {
  blobDeleteOptionsSchema,
  blobKeySchema,
  blobReadOptionsSchema,
  blobWriteOptionsSchema,
} from './input-schemas.ts'
import type { ManagerContext } from './manager-context.ts'
import { parseInput } from './parse-input.ts'
import type { StoredBlobValue } from './storage-manager.ts'
import type { BlobReadOptions, BlobWriteOptions } from './store-options.ts'

/** JSON documents under a key, each replaced in place. */
export class BlobManager {
  readonly #context: ManagerContext

  constructor(context: ManagerContext) {
    this.#context = context
  }

  async put(
    key: string,
    value: unknown,
    options: BlobWriteOptions,
  ): Promise<{ etag: string; size: number; pending?: true }> {
    const path = blobKey(parseInput(blobKeySchema, key))
    const { ifMatch, ifNoneMatch } = parseInput(blobWriteOptionsSchema, options)
    assertJsonValue(value, 'value')
    const bytes = new TextEncoder().encode(JSON.stringify(value))
    const limit = this.#context.limits.maxBlobBytes
    if (bytes.byteLength > limit) {
      throw new UmbraError(
        'TOO_LARGE',
        `the blob is too large; store it as a record. bytes=${bytes.byteLength}`,
        {
          details: { field: 'value', bytes: bytes.byteLength, limit },
        },
      )
    }
    const expect = ifNoneMatch === '*' ? ({ kind: 'absent' } as const) : etagExpectation(ifMatch)
    const { etag, size, pending } = await this.#context.backend.blobs.put(path, bytes, expect)
    return { etag, size, ...(pending && { pending }) }
  }

  async get(key: string, options: BlobReadOptions): Promise<StoredBlobValue | null> {
    const path = blobKey(parseInput(blobKeySchema, key))
    const stored = await this.#context.backend.blobs.get(path, parseInput(blobReadOptionsSchema, options))
    if (stored === undefined) return null
    const { bytes, etag, size, pending, stale } = stored
    try {
      const value = JSON.parse(new TextDecoder().decode(bytes))
      return { value, etag, size, ...(pending && { pending }), ...(stale && { stale }) }
    } catch (cause) {
      throw new UmbraError('CORRUPT', `the stored blob is not JSON; replace it. key=${path}`, {
        cause,
        details: { key: path },
      })
    }
  }

  async delete(key: string, options: { readonly ifMatch?: string }): Promise<boolean> {
    const path = blobKey(parseInput(blobKeySchema, key))
    const { ifMatch } = parseInput(blobDeleteOptionsSchema, options)
    return this.#context.backend.blobs.delete(path, etagExpectation(ifMatch))
  }
}

function etagExpectation(etag: string | undefined): BlobExpectation {
  return etag === undefined ? undefined : { kind: 'etag', etag }
}
