import { createRequire } from 'node:module'
import { join } from 'node:path'
import { bundleProgram } from '../../../r2/src/kill-rounds/bundle-program.fixture.ts'
import type { BundledProgram } from '../../../r2/src/kill-rounds/bundle-program.fixture.ts'

/** A program that uses both stores. */
export function bundleApplication(entryPoint: string): Promise<BundledProgram> {
  const { resolve } = createRequire(import.meta.url)
  return bundleProgram(entryPoint, {
    natives: { 'better-sqlite3': resolve('better-sqlite3') },
    links: { migrations: join(import.meta.dirname, '../../../sqlite/migrations') },
  })
}
