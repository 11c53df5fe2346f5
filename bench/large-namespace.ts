import { createHash } from 'node:crypto'
import { createIdSource, manageBackend, systemClock } from '@umbra/core'
import type { ManifestEntry, Namespace } from '@umbra/core'
import type { R2Settings } from '@umbra/r2'
import { openR2 } from '../packages/r2/src/create-r2-backend.ts'
import { sampleRecord } from './sample-records.ts'

const BODIES = 1_000

/** Entries of one commit, as in `importData`. */
const CHUNK = 131_072

/** When the oldest entry was stored; each of the others a millisecond later. */
const FIRST_AT = Date.parse('2026-01-01T00:00:00Z')

export const LARGE_NAMESPACE_NOTE =
  '1,000 bodies are real and every entry names one of them; ids, hashes, ETags and texts differ, so that runs are as large as real ones'

/**
 * Makes a namespace of `count` records by the direct way imports take, entries only: uploading a million bodies to a local
 * server would take twenty minutes.
 */
export async function createLargeNamespace(
  settings: R2Settings,
  namespace: Namespace,
  count: number,
): Promise<void> {
  const r2 = await openR2(settings)
  const clock = { ...systemClock, now: () => FIRST_AT }
  const storage = manageBackend(r2.backend, { clock })
  const { module, userId } = namespace
  const bodies = Math.min(BODIES, count)
  await storage.importData(module, userId, samples(bodies))
  const { items } = await r2.backend.findEntries(namespace, { order: 'oldest', limit: bodies })
  const models = items.map(({ entry }) => entry)
  for (let start = bodies; start < count; start += CHUNK) {
    await r2.importEntries(namespace, entriesLike(models, start, Math.min(count, start + CHUNK)))
  }
  await storage.close()
}

function* samples(count: number) {
  for (let n = 0; n < count; n++) yield { data: sampleRecord(n) }
}

async function* entriesLike(
  models: readonly ManifestEntry[],
  start: number,
  end: number,
): AsyncGenerator<ManifestEntry, void, undefined> {
  const ids = createIdSource()
  for (let n = start; n < end; n++) {
    const model = models[n % models.length]
    if (model === undefined) return
    const at = FIRST_AT + n
    const digest = createHash('sha256').update(String(n)).digest('hex')
    yield {
      ...model,
      id: ids.next(at),
      timestamp: new Date(at).toISOString(),
      etag: digest.slice(0, 32),
      sha256: createHash('sha256').update(digest).digest('hex'),
      text: `${model.text} record ${n} of ${digest.slice(32, 44)}`,
    }
  }
}
