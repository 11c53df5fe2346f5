import { manageBackend } from '@umbra/core'
import type { BlobStore, ObjectStore, StorageBackend } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import type { R2Settings } from '@umbra/r2'
import { createSqliteBackend, openOutbox } from '@umbra/sqlite'
import { createReopeningBackend } from '../outbox/reopening-backend.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createHybridWithOutbox } from './hybrid-with-outbox.ts'

// One process on a file: `<settings as JSON> <path> <name> <mode> <count>`. It kills itself, as `kill -9` does, at the
// count-th SQL statement of the outbox, or before or after the count-th request, or before or after the count-th copy.
const [settingsJson = '{}', path = '', name = '', mode = '', countText = ''] = process.argv.slice(2)
const settings = JSON.parse(settingsJson) as R2Settings
const seen = { sql: 0, request: 0, copy: 0 }

function count(what: keyof typeof seen, when: 'before' | 'after' | 'at'): void {
  if (mode === `${when}-${what}` && ++seen[what] === Number(countText)) process.kill(process.pid, 'SIGKILL')
}

async function counted<T>(what: 'request' | 'copy', call: () => Promise<T>): Promise<T> {
  count(what, 'before')
  const result = await call()
  count(what, 'after')
  return result
}

const decorate = (objects: ObjectStore): ObjectStore => ({
  ...objects,
  put: (...about) => counted('request', () => objects.put(...about)),
  get: (...about) => counted('request', () => objects.get(...about)),
})

function withCountedCopies(backend: StorageBackend): StorageBackend {
  const blobs: BlobStore = {
    get: (path) => backend.blobs.get(path),
    put: (...about) => counted('copy', () => backend.blobs.put(...about)),
    delete: (...about) => counted('copy', () => backend.blobs.delete(...about)),
  }
  return {
    ...plainBackend(backend),
    blobs,
    commit: (...about) => counted('copy', () => backend.commit(...about)),
  }
}

// A store that goes away while its conditions are probed looks like one that has none.
const unprobed = { ...settings, singleWriter: true as const }
const secondary = withCountedCopies(await createSqliteBackend({ path }))
const primary = createReopeningBackend(
  () => createR2Backend(unprobed, { decorate, retry: { maxAttempts: 2, baseDelayMs: 10, maxDelayMs: 50 } }),
  { name: 'r2', capabilities: secondary.capabilities },
)
const outbox = await openOutbox({ path }, { trace: () => count('sql', 'at') })
const policy = { recoveryJitterMs: 50, breakMs: 20, maxBreakMs: 100, onlineTimeoutMs: 500 }
const storage = manageBackend(createHybridWithOutbox({ primary, secondary, outbox, policy }))

const at = { module: 'm', userId: 'u' }
const tell = (line: string) => process.stdout.write(`${line}\n`)
const deadline = Date.now() + 900
for (let n = 0; Date.now() < deadline; n++) {
  const id = `${name}-${n}`
  const { etag } = await storage.storeData({ ...at, id, data: 1 })
  tell(`${id} 1`)
  await storage.updateData({ ...at, recordId: id, data: 2, ifMatch: etag })
  tell(`${id} 2`)
  await storage.putBlob(id, n)
  if (n % 3 === 2 && (await storage.deleteData('m', 'u', id))) tell(`${id} 3`)
}
await storage.close()
