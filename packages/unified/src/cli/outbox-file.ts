import { parseSettings } from '@umbra/core'
import type { Environment, StorageManager } from '@umbra/core'
import type { Outbox } from '@umbra/sqlite'
import { createStorageManager } from '../create-storage-manager.ts'
import { fileExists } from './file-exists.ts'

/**
 * The outbox in this machine's database, whichever backend the application uses now; undefined when there is no such file, so
 * nothing was ever queued. R2 is not asked.
 */
export async function withOutbox<T>(
  env: Environment,
  use: (outbox: Outbox | undefined) => Promise<T>,
): Promise<T> {
  const { path } = parseSettings(env).sqlite
  if (!(await fileExists(path))) return use(undefined)
  const { openOutbox } = await import('@umbra/sqlite')
  const outbox = await openOutbox({ path })
  try {
    return await use(outbox)
  } finally {
    await outbox.close()
  }
}

/** R2 behind that outbox: what is pending is sent while it is open. */
export async function withSender<T>(
  env: Environment,
  use: (storage: StorageManager) => Promise<T>,
): Promise<T> {
  const always = { STORAGE_BACKEND: 'r2', FEATURE_R2_STORAGE: 'true', UMBRA_OUTBOX: 'on' }
  const storage = await createStorageManager(parseSettings({ ...env, ...always }))
  try {
    return await use(storage)
  } finally {
    await storage.close()
  }
}
