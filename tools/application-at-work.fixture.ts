import { setTimeout as pause } from 'node:timers/promises'
import type { Environment } from '@umbra/core'
import { getStorageManager } from '@umbra/unified'

/** Not the place of the guide's own records. */
const PLACE = { module: 'finance', userId: 'at-work' }

/** Some of each kind also where there is little time. */
const MIN_WRITES = 12

/** So that there is an end to what a migration finds changed. */
const PAUSE_MS = 20

/** An application that stores, changes and deletes, and remembers what it was told. */
export interface ApplicationAtWork {
  /** Writes with these settings until told to stop; resolves once the last write was acknowledged. */
  writeUntil(stopped: AbortSignal, env: Environment): Promise<void>
  /** What every store that has got all of it holds: etags by id. */
  told(): ReadonlyMap<string, string>
}

export function createApplicationAtWork(): ApplicationAtWork {
  const told = new Map<string, string>()
  let step = 0
  return {
    told: () => told,
    async writeUntil(stopped, env) {
      const storage = await getStorageManager({ env, fallback: 'none' })
      for (let writes = 0; writes < MIN_WRITES || !stopped.aborted; writes++, step++) {
        const known = [...told]
        const [id, ifMatch] = known[(step * 7) % known.length] ?? []
        if (step % 3 === 0 || id === undefined || ifMatch === undefined) {
          const stored = await storage.storeData({ ...PLACE, data: { step } })
          told.set(stored.id, stored.etag)
        } else if (step % 3 === 1 || known.length < 4) {
          const stored = await storage.updateData({ ...PLACE, recordId: id, data: { step }, ifMatch })
          told.set(id, stored.etag)
        } else {
          await storage.deleteData(PLACE.module, PLACE.userId, id, { ifMatch })
          told.delete(id)
        }
        await pause(PAUSE_MS)
      }
      await storage.close()
    },
  }
}

/** What one store holds of it, in the same form. */
export async function readAtWork(env: Environment): Promise<ReadonlyMap<string, string>> {
  const storage = await getStorageManager({ env, fallback: 'none' })
  try {
    const records = await storage.retrieveData(PLACE.module, PLACE.userId)
    return new Map(records.map(({ id, etag }) => [id, etag]))
  } finally {
    await storage.close()
  }
}
