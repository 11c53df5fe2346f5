import { createRequire } from 'node:module'
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

/** The package is some two hundred CommonJS files, which `import` reads twice: loading them this way takes half the time. */
const load = createRequire(import.meta.url)

/** The one place that names the DuckDB package; loads it at the first use. @throws `CONFIGURATION` when it is not installed */
export async function loadDuckDb(): Promise<DuckDbApi> {
  try {
    return load('@duckdb/node-api') as DuckDbApi
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
