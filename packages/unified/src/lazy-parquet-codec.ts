import type { ParquetCodec } from '@umbra/core'

/** The DuckDB codec, loaded when Parquet is first used: most processes never do, and DuckDB is large. */
export function createLazyParquetCodec(): ParquetCodec {
  let loading: Promise<ParquetCodec> | undefined
  const load = () => (loading ??= import('@umbra/r2/duckdb').then((duckdb) => duckdb.createParquetCodec()))
  return {
    write: async (rows, filePath) => (await load()).write(rows, filePath),
    async *read(filePath) {
      yield* (await load()).read(filePath)
    },
    close: async () => (await loading)?.close(),
  }
}
