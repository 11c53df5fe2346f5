import { UmbraError } from '@umbra/core'
import type * as duckdb from '@duckdb/node-api'

export type DuckDbApi = typeof duckdb
export type {
  DuckDBAppender,
  DuckDBConnection,
  DuckDBDataChunk,
  DuckDBType,
  DuckDBValue,
} from '@duckdb/node-api'

/** The one place that names the DuckDB package; loads it at the first use. @throws `CONFIGURATION` when it is not installed */
export async function loadDuckDb(): Promise<DuckDbApi> {
  try {
    return await import('@duckdb/node-api')
  } catch (cause) {
    throw new UmbraError(
      'CONFIGURATION',
      'duckdb could not be loaded; install @duckdb/node-api for this platform',
      {
        cause,
      },
    )
  }
}
