import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'

const made: string[] = []

/** The path of a database that does not exist yet; its folder is removed after the test. */
export async function newDatabasePath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'umbra-sqlite-'))
  made.push(folder)
  return join(folder, 'umbra.sqlite')
}

afterEach(async () => {
  await Promise.all(made.splice(0).map((folder) => rm(folder, { recursive: true, force: true })))
})
