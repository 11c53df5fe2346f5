import { copyFile } from 'node:fs/promises'

/** Copies a database that is open, with what is still in its log, as a backup does. Resolves to the path of the copy. */
export async function copyDatabase(path: string): Promise<string> {
  const copy = `${path}-backup`
  await copyFile(path, copy)
  await copyFile(`${path}-wal`, `${copy}-wal`)
  return copy
}
