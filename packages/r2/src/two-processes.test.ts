import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { manageBackend } from '@umbra/core'
import { expect, it } from 'vitest'
import { createR2Backend } from './create-r2-backend.ts'
import { startLocalR2 } from './local/start-local-r2.ts'

const run = promisify(execFile)

it('loses none of 240 records that two processes with eight writers each store in one namespace', async () => {
  const server = await startLocalR2()
  try {
    const storage = manageBackend(await createR2Backend(server.settings))
    await storage.storeData({ module: 'm', userId: 'u', id: 'counter', data: { total: 0 } })
    const fixture = join(import.meta.dirname, 'concurrent-writer.fixture.ts')
    const argv = ['--import', 'tsx', '--conditions=@umbra/source', fixture, JSON.stringify(server.settings)]
    const outputs = await Promise.all(
      ['one', 'two'].map((name) => run(process.execPath, [...argv, name, '15'], { encoding: 'utf8' })),
    )
    const acknowledged = outputs.flatMap(({ stdout }) => stdout.trim().split('\n'))
    const found = await storage.retrieveData('m', 'u')
    expect(acknowledged).toHaveLength(240)
    expect(new Set(found.map(({ id }) => id))).toEqual(new Set([...acknowledged, 'counter']))
    expect(found.find(({ id }) => id === 'counter')?.data).toEqual({ total: 16 })
    await storage.close()
  } finally {
    await server.close()
  }
})
