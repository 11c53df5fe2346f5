import type { DataFormat, JsonObject, Namespace } from '@umbra/core'

/** A record as another system has it. */
export interface ForeignRecord {
  readonly namespace: Namespace
  readonly id: string
  /** Where it came from, for a person. */
  readonly origin: string
  /** When the other system stored it, ISO 8601 UTC, if it says so. */
  readonly timestamp?: string
  readonly dataFormat: DataFormat
  readonly metadata: JsonObject
  readonly filename?: string
  /**
   * Resolves to what `storeData` takes for this format. Called when the record's turn has come, so that many can be
   * listed without being held; rejects with an `UmbraError` when there is nothing to be taken over.
   */
  load(): Promise<unknown>
  /** SHA-256 of the source, when comparing that is enough to know that nothing changed. */
  readonly sourceSha256?: string
  /** Rejects once more what of it cannot be taken over, of a record that need not be loaded. */
  reject?(): Promise<void>
}

export interface ForeignBlob {
  readonly path: string
  readonly bytes: Uint8Array
}

/** Something that could not be taken over. It stays where it is, and is listed. */
export interface Rejection {
  /** The file, object or table. */
  readonly origin: string
  /** Within it, such as `line 17`; undefined when all of it is meant. */
  readonly place: string | undefined
  readonly reason: string
  /** The row as it was found, when it is text. */
  readonly raw?: string
}

export type Reject = (rejection: Rejection) => void

/** Where data of another system comes from. */
export interface ForeignSource {
  /** Reads everything; what cannot be read is handed to `reject`, also while a record's rows are being read. */
  records(reject: Reject): AsyncIterable<ForeignRecord>
  blobs?(reject: Reject): AsyncIterable<ForeignBlob>
  close?(): Promise<void>
}
