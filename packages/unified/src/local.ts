export { startLocalR2 } from '@umbra/r2/local'
export type { LocalR2, LocalR2Options } from '@umbra/r2/local'
