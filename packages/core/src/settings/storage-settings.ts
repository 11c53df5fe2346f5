/** Where the bucket is. Fits the R2 adapter's own settings. `secretAccessKey` is readable but never printed. */
export interface R2Environment {
  readonly endpoint: string
  readonly bucket: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Whether it takes one write of a key per second. Absent: as the endpoint says, and the store's own refusals. */
  readonly paced?: boolean
}

/** The embedded database. Fits the SQLite adapter's own settings. */
export interface SqliteEnvironment {
  readonly path: string
  /** How to sign download links; `secret` is readable but never printed. Absent: no links. */
  readonly links?: { readonly publicUrl: string; readonly secret: string }
}

/** The local cache of immutable manifest parts and search indexes. */
export interface CacheEnvironment {
  readonly directory: string
  readonly maxBytes: number
}

/** Which backend to run and everything it needs. Holds secrets that are left out of JSON, logs and copies. */
export type StorageSettings =
  | { readonly backend: 'sqlite'; readonly sqlite: SqliteEnvironment; readonly cache: CacheEnvironment }
  | {
      readonly backend: 'r2' | 'hybrid'
      readonly r2: R2Environment
      /** Whether writes are kept in the database at `sqlite.path` while R2 does not answer. Default true. */
      readonly outbox?: boolean
      readonly sqlite: SqliteEnvironment
      readonly cache: CacheEnvironment
    }
