/** A row as the caller gave it; values are checked by the codec. */
export type ParquetRow = Readonly<Record<string, unknown>>

/** Turns rows into a Parquet file and back, exactly or not at all. */
export interface ParquetCodec {
  /**
   * Writes every row to `filePath` and resolves to their number. Rejects with `INVALID_INPUT` naming the
   * column and the row when a value would not come back as it went in; no file is left then.
   */
  write(rows: AsyncIterable<unknown> | Iterable<unknown>, filePath: string): Promise<{ recordCount: number }>
  /** The rows of a file this codec wrote (or any other Parquet file), in order, in bounded memory. */
  read(filePath: string): AsyncIterable<Record<string, unknown>>
  /** Frees the engine. Safe to call twice. */
  close(): Promise<void>
}
