import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hashFile } from './hash-file.ts'

const MIB = 1024 ** 2

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'umbra-test-'))
})
afterEach(() => rm(folder, { recursive: true }))

describe('hashFile', () => {
  it.each([0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 7])(
    'hashes a file of %i bytes as one piece',
    async (size) => {
      const content = randomBytes(size)
      const path = join(folder, 'file')
      await writeFile(path, content)
      const sha256 = createHash('sha256').update(content).digest('hex')
      expect(await hashFile(path)).toEqual({ bytes: size, sha256 })
    },
  )

  it('rejects for a file that is not there', async () => {
    await expect(hashFile(join(folder, 'none'))).rejects.toThrow('ENOENT')
  })
})
