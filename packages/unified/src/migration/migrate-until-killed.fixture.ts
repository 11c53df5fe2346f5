import { BLOBS_PREFIX } from '@umbra/core'
import type { BlobStore, StorageBackend } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { createSqliteBackend } from '@umbra/sqlite'
import type { MigrationToKill } from './kill-migrations.fixture.ts'
import { betweenHalves } from '../hybrid/migration-notes.ts'
import { runMigration } from './run-migration.ts'

/** Its own process: migrates, and says so on stdout at every write, `b` of a blob, else `r`, so that it can be killed in the middle of it. */
const [migration = ''] = process.argv.slice(2)
// What the test has just written itself.
const { path, settings, from, application } = JSON.parse(migration) as MigrationToKill
const say = (kind: 'b' | 'r') => void process.stdout.write(kind)
const r2 = await createR2Backend(settings, {
  decorate: (objects) => ({
    ...objects,
    put: (key, body, options) => {
      say(key.startsWith(BLOBS_PREFIX) ? 'b' : 'r')
      return objects.put(key, body, options)
    },
  }),
})
const sqlite = await createSqliteBackend({ path })
const { blobs } = sqlite
const commit = sqlite.commit.bind(sqlite)
// Not a copy, which would be without what the class keeps to itself.
Object.assign(sqlite, {
  commit: (...about: Parameters<StorageBackend['commit']>) => {
    say('r')
    return commit(...about)
  },
  blobs: {
    ...blobs,
    put: (...about: Parameters<BlobStore['put']>) => {
      say('b')
      return blobs.put(...about)
    },
  },
})
const [source, target] = from === 'sqlite' ? [sqlite, r2] : [r2, sqlite]
// It cannot settle while the application writes faster than it copies.
await runMigration(source, target, {
  concurrency: 4,
  ...(application === 'hybrid' &&
    betweenHalves(from === 'sqlite' ? source : target, from === 'sqlite' ? 'source' : 'target')),
})
await Promise.all([source.close(), target.close()])
