import { manageBackend } from '@umbra/core'
import type { ObjectStore } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import type { R2Settings } from '@umbra/r2'
import { openOutbox } from '@umbra/sqlite'
import { createOutboxBackend } from './outbox-backend.ts'
import { createReopeningBackend } from './reopening-backend.ts'

// One process on a file: `<settings as JSON> <path> <name> <mode> <count>`. It kills itself, as `kill -9` does, at the
// count-th SQL statement, or before or after the count-th request; `work` stores that many records and ends.
const [settingsJson = '{}', path = '', name = '', mode = '', countText = ''] = process.argv.slice(2)
const settings = JSON.parse(settingsJson) as R2Settings
const count = Number(countText)
const seen = { sql: 0, requests: 0 }

function die(): void {
  process.kill(process.pid, 'SIGKILL')
}

function countStatement(): void {
  if (mode === 'sql' && ++seen.sql === count) die()
}

async function counted<T>(request: () => Promise<T>): Promise<T> {
  const isTheOne = ++seen.requests === count
  if (isTheOne && mode === 'before') die()
  const result = await request()
  if (isTheOne && mode === 'after') die()
  return result
}

function decorate(objects: ObjectStore): ObjectStore {
  return {
    ...objects,
    put: (...about) => counted(() => objects.put(...about)),
    get: (...about) => counted(() => objects.get(...about)),
  }
}

// A store that goes away while its conditions are probed looks like one that has none.
const unprobed = { ...settings, singleWriter: true as const }
const open = () =>
  createR2Backend(unprobed, { decorate, retry: { maxAttempts: 2, baseDelayMs: 10, maxDelayMs: 50 } })
const capabilities = {
  multiWriter: true,
  presignedDownload: true,
  presignedUpload: true,
  snapshots: true,
  durable: true,
} as const
const outbox = await openOutbox({ path }, { trace: countStatement })
const primary = createReopeningBackend(open, { name: 'r2', capabilities })
const policy = { recoveryJitterMs: 50, breakMs: 20, maxBreakMs: 100, onlineTimeoutMs: 500 }
const storage = manageBackend(createOutboxBackend({ primary, outbox, policy }))

const deadline = Date.now() + 900
for (let n = 0; mode === 'work' ? n < count : Date.now() < deadline; n++) {
  const id = `${name}-${n}`
  const { etag } = await storage.storeData({ module: 'm', userId: 'u', id, data: 1 })
  process.stdout.write(`${id} 1\n`)
  await storage.updateData({ module: 'm', userId: 'u', recordId: id, data: 2, ifMatch: etag }).catch(
    // What it is to replace could not be read: the update was not begun.
    (error: { code?: string }) => {
      if (error.code !== 'UNAVAILABLE') throw error
    },
  )
  if ((await storage.retrieveInfo('m', 'u', id).catch(() => null))?.revision === 2)
    process.stdout.write(`${id} 2\n`)
}
await storage.close()
