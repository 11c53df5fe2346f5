import { join } from 'node:path'
import type { Environment, Namespace } from '@umbra/core'
import { toWorkerProgram } from '../../../r2/src/kill-rounds/worker-process.fixture.ts'
import type { WorkerProgram } from '../../../r2/src/kill-rounds/worker-process.fixture.ts'
import { bundleApplication } from './bundle-application.fixture.ts'

export interface ApplicationTask {
  /** Unique, so that tokens and ids are. */
  readonly name: string
  readonly environment: Environment
  readonly namespaces: readonly Namespace[]
  /** How many writes of records it keeps going at once, besides one of a blob. */
  readonly loops: number
  /** Pause after each write, milliseconds at most. */
  readonly maxPauseMs: number
}

export type ApplicationProgram = WorkerProgram<ApplicationTask>

export async function buildApplication(): Promise<ApplicationProgram> {
  return toWorkerProgram(await bundleApplication(join(import.meta.dirname, 'application.fixture.ts')))
}
