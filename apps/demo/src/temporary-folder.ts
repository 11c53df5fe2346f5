import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * A folder that is gone when this process is. Made and registered in one go, so that no signal comes between, and
 * removed at the very end, because the local R2 server's library may end the process itself.
 */
export function createTemporaryFolder(): string {
  const folder = createKeptFolder()
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function createKeptFolder(): string {
  return mkdtempSync(join(tmpdir(), 'umbra-demo-'))
}
