import type { Environment } from '@umbra/core'
import type { LocalR2 } from '@umbra/r2/local'

/** The variables that lead to a local server. */
export function toEnvironment({
  endpoint,
  bucket,
  accessKeyId,
  secretAccessKey,
}: Omit<LocalR2, 'close' | 'settings'>): Environment {
  return {
    R2_ACCOUNT_ID: 'local',
    R2_ENDPOINT: endpoint,
    R2_BUCKET: bucket,
    R2_ACCESS_KEY_ID: accessKeyId,
    R2_SECRET_ACCESS_KEY: secretAccessKey,
  }
}
