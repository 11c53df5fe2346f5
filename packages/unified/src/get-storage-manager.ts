import { hasErrorCode, missingR2Variables, parseSettings } from '@umbra/core'
import type { Environment, StorageManager, StorageSettings, UmbraError } from '@umbra/core'
import { createStorageManager } from './create-storage-manager.ts'

export interface GetStorageManagerOptions {
  /** Default: the environment of this process. */
  readonly env?: Environment
  /**
   * `sqlite` (default): when R2 is asked for but its settings are incomplete, or the R2 half of a hybrid refuses us at
   * start-up, warn once and run on SQLite. `none`: reject instead. While R2 does not answer there is no need for it: writes
   * wait in the outbox.
   */
  readonly fallback?: 'sqlite' | 'none'
}

/** The `code` of the process warning emitted when SQLite is used in place of R2. */
export const FALLBACK_WARNING_CODE = 'UMBRA_SQLITE_FALLBACK'

// One storage per process is what this function is for, so it is the one place with state of its own.
let current: Promise<StorageManager> | undefined
let warned = false

/**
 * The storage of this process, as its environment says; opened by the first call, whose options count, and again by the
 * first call after it was closed. A start that failed is not remembered.
 *
 * @throws `CONFIGURATION` when the settings cannot be used, and what `createStorageManager` throws.
 */
export function getStorageManager(options: GetStorageManagerOptions = {}): Promise<StorageManager> {
  if (current !== undefined) return current
  const forget = () => {
    if (current === opening) current = undefined
  }
  const opening = open(options).then((manager) => forgetWhenClosed(manager, forget))
  current = opening
  opening.catch(forget)
  return opening
}

async function open({
  env = process.env,
  fallback = 'sqlite',
}: GetStorageManagerOptions): Promise<StorageManager> {
  let backend: StorageSettings['backend'] | undefined
  try {
    const settings = parseSettings(env)
    ;({ backend } = settings)
    const manager = await createStorageManager(settings)
    const missing = missingR2Variables(env)
    if (missing.length > 0)
      warnOnce(`r2 is configured in part, so everything is stored in sqlite; missing: ${missing.join(', ')}`)
    return manager
  } catch (error) {
    if (fallback === 'none' || !isAboutR2(error, backend)) throw error
    // SQLite's own failures come this way too, and are thrown again from here.
    const manager = await createStorageManager(parseSettings({ ...env, FEATURE_R2_STORAGE: 'false' }))
    warnOnce(`r2 cannot be used, so everything is stored in sqlite; ${error.message}`)
    return manager
  }
}

/**
 * Whether R2 is not there for us: not configured or, as a half of a hybrid, not open to us. Defects and damage are not,
 * nor is an outage, for which writes wait. Without its other half R2 is the truth, and another place to store would be a
 * second one.
 */
function isAboutR2(error: unknown, backend: StorageSettings['backend'] | undefined): error is UmbraError {
  if (hasErrorCode(error, 'CONFIGURATION') && 'problems' in error.details) {
    const { missing } = error.details
    return Array.isArray(missing) && missing.every((name) => String(name).startsWith('R2_'))
  }
  if (backend !== 'hybrid') return false
  return hasErrorCode(error, 'CONFIGURATION', 'UNAUTHENTICATED', 'FORBIDDEN', 'UNSUPPORTED')
}

function warnOnce(message: string): void {
  if (warned) return
  warned = true
  process.emitWarning(message, { type: 'UmbraWarning', code: FALLBACK_WARNING_CODE })
}

function forgetWhenClosed(manager: StorageManager, forget: () => void): StorageManager {
  const close = manager.close.bind(manager)
  manager.close = () => {
    forget()
    return close()
  }
  return manager
}
