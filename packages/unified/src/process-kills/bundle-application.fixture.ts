import { join } from 'node:path'
import { bundleProgram } from '../../../r2/src/kill-rounds/bundle-program.fixture.ts'
import type { BundledProgram } from '../../../r2/src/kill-rounds/bundle-program.fixture.ts'

/** A program that uses both stores. */
export function bundleApplication(entryPoint: string): Promise<BundledProgram> {
  return bundleProgram(entryPoint, { migrations: join(import.meta.dirname, '../../../sqlite/migrations') })
}
