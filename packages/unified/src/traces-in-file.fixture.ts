import { readFile } from 'node:fs/promises'

/** Which of a database's files have the text somewhere in their bytes. */
export async function tracesInFile(path: string, text: string): Promise<string[]> {
  const suffixes = ['', '-wal', '-shm']
  const found = await Promise.all(
    suffixes.map(async (suffix) => {
      const bytes = await readFile(`${path}${suffix}`).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return Buffer.alloc(0)
        throw error
      })
      return bytes.includes(text)
    }),
  )
  return suffixes.filter((_, index) => found[index])
}
