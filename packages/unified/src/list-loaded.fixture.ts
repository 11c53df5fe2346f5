import { createRequire } from 'node:module'
import { getStorageManager } from './index.ts'

// Stores one record with the backend of the environment, searches it back, then prints which of the heavy libraries were loaded.
const [format = 'json'] = process.argv.slice(2)
const storage = await getStorageManager({ fallback: 'none' })
if (format === 'parquet') {
  await storage.storeData({ module: 'm', userId: 'u', data: { records: [{ n: 1 }] }, dataFormat: 'parquet' })
} else {
  await storage.storeData({ module: 'm', userId: 'u', data: { n: 1 } })
}
await storage.searchData('m', 'u', 'walrus')
await storage.retrieveData('m', 'u')
await storage.close()

const loaded = Object.keys(createRequire(import.meta.url).cache)
const libraries = ['@aws-sdk', '@duckdb', '@smithy', 'better-sqlite3', 'miniflare'].filter((name) =>
  loaded.some((path) => path.includes(`/node_modules/${name}/`)),
)
process.stdout.write(JSON.stringify(libraries))
