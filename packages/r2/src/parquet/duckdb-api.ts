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

/**
 * The one place that names the DuckDB package; loads it at the first use. It is some two hundred CommonJS files, which `import` reads
 * twice: required they load in half the time. (A bundle in CommonJS has no `import.meta.url`, and imports.)
 *
 * @throws `CONFIGURATION` when it is not installed
 */
export async function loadDuckDb(): Promise<DuckDbApi> {
  const { url } = import.meta as { readonly url?: string }
  try {
    if (url === undefined) return await import('@duckdb/node-api')
    return createRequire(url)('@duckdb/node-api') as DuckDbApi
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
