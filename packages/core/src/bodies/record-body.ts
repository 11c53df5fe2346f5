/** Inclusive byte positions, as in HTTP; `end` defaults to the last byte. */
export interface ByteRange {
  readonly start: number
  readonly end?: number
}

/**
 * The encoded bytes of one revision, complete and hashed before any upload starts, so that every
 * attempt of a retry sends the same bytes. Large bodies live in a temporary file.
 */
export interface RecordBody {
  /** Bytes. */
  readonly size: number
  /** Lower-case hex. */
  readonly sha256: string
  /** The whole body when it is held in memory, else undefined. */
  readonly bytes: Uint8Array | undefined
  /** A fresh stream of the whole body, or of a range; may be called any number of times until `dispose`. */
  stream(range?: ByteRange): AsyncIterable<Uint8Array>
  /** Frees the temporary file, if any. Safe to call twice. */
  dispose(): Promise<void>
}
