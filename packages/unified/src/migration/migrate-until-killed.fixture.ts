import { BLOBS_PREFIX } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import type { R2Settings } from '@umbra/r2'
import { createSqliteBackend } from '@umbra/sqlite'
import { runMigration } from './run-migration.ts'

/** Its own process: migrates, and says so on stdout at every write, `b` of a blob, else `r`, so that it can be killed in the middle of it. */
const [path = '', settings = ''] = process.argv.slice(2)
const source = await createSqliteBackend({ path })
// What the test has just written itself.
const target = await createR2Backend(JSON.parse(settings) as R2Settings, {
  decorate: (objects) => ({
    ...objects,
    put: (key, body, options) => {
      process.stdout.write(key.startsWith(BLOBS_PREFIX) ? 'b' : 'r')
      return objects.put(key, body, options)
    },
  }),
})
// It cannot settle while the application writes faster than it copies.
await runMigration(source, target, { concurrency: 4 })
await Promise.all([source.close(), target.close()])
