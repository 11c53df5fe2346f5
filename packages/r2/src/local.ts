export { startLocalR2 } from './local/start-local-r2.ts'
export type { LocalR2, LocalR2Options } from './local/start-local-r2.ts'
