export { openDuckDb } from './parquet/duckdb-session.ts'
export type {
  DuckDbBatch,
  DuckDbConnection,
  DuckDbSession,
  DuckDbSettings,
} from './parquet/duckdb-session.ts'
export { createParquetCodec } from './parquet/parquet-codec.ts'
export type { StageAppender, StageType, StageValue } from './parquet/stage-appender.ts'
