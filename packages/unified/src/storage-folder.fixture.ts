import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface StorageFolder {
  readonly path: string
  /** A database file that does not exist yet. */
  readonly sqlitePath: string
  remove(): Promise<void>
}

/** A folder of its own for one test's database. */
export async function createStorageFolder(): Promise<StorageFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'umbra-unified-'))
  return {
    path: folder,
    sqlitePath: join(folder, 'umbra.sqlite'),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
