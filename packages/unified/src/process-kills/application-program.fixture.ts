import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Environment, Namespace } from '@umbra/core'
import { buildProgram } from '../../../r2/src/kill-rounds/worker-process.fixture.ts'
import type { WorkerProgram } from '../../../r2/src/kill-rounds/worker-process.fixture.ts'

export interface ApplicationTask {
  /** Unique, so that tokens and ids are. */
  readonly name: string
  readonly environment: Environment
  readonly namespaces: readonly Namespace[]
  /** How many writes it keeps going at once. */
  readonly loops: number
  /** Pause after each write, milliseconds at most. */
  readonly maxPauseMs: number
}

export type ApplicationProgram = WorkerProgram<ApplicationTask>

export function buildApplication(): Promise<ApplicationProgram> {
  const resolve = createRequire(import.meta.url).resolve
  return buildProgram(join(import.meta.dirname, 'application.fixture.ts'), {
    natives: { 'better-sqlite3': resolve('better-sqlite3') },
    links: { migrations: join(import.meta.dirname, '../../../sqlite/migrations') },
  })
}
