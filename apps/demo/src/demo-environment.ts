import { join } from 'node:path'
import { parseSettings } from '@umbra/core'
import type { Environment, StorageSettings } from '@umbra/core'
import type { LocalR2 } from '@umbra/unified/local'
import type { DemoBackend } from './arguments.ts'

const R2_VARIABLES = ['R2_ACCOUNT_ID', 'R2_ACCESS_KEY_ID', 'R2_SECRET_ACCESS_KEY', 'R2_BUCKET'] as const

/** Whether the environment means a bucket of its own, be it incomplete. */
export function namesBucket(env: Environment): boolean {
  return R2_VARIABLES.some((name) => (env[name] ?? '') !== '')
}

/** The variables that lead to a local server. */
export function localR2Environment({
  endpoint,
  bucket,
  accessKeyId,
  secretAccessKey,
}: Pick<LocalR2, 'endpoint' | 'bucket' | 'accessKeyId' | 'secretAccessKey'>): Environment {
  return {
    R2_ACCOUNT_ID: 'local',
    R2_ENDPOINT: endpoint,
    R2_BUCKET: bucket,
    R2_ACCESS_KEY_ID: accessKeyId,
    R2_SECRET_ACCESS_KEY: secretAccessKey,
  }
}

/**
 * The settings of one chapter. Only the bucket comes from `env`: the tour never touches a database or cache of yours.
 *
 * @throws `CONFIGURATION` naming what is missing or wrong.
 */
export function demoSettings(backend: DemoBackend, folder: string, env: Environment): StorageSettings {
  const bucket = Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('R2_')))
  return parseSettings({
    ...bucket,
    STORAGE_BACKEND: backend,
    SQLITE_PATH: join(folder, 'umbra.sqlite'),
    UMBRA_CACHE_DIR: join(folder, 'cache'),
  })
}
