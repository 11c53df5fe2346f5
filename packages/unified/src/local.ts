export { createR2StorageManager } from '@umbra/r2'
export type { R2StorageManager } from '@umbra/r2'
export { startLocalR2 } from '@umbra/r2/local'
export type { LocalR2, LocalR2Options } from '@umbra/r2/local'
