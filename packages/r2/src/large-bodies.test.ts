import { createHash } from 'node:crypto'
import { manageBackend } from '@umbra/core'
import { expect, it } from 'vitest'
import { createR2Backend } from './create-r2-backend.ts'
import { startLocalR2 } from './local/start-local-r2.ts'

it('keeps the winner of two creations of one id whose bodies are sent in parts', async () => {
  const server = await startLocalR2()
  const connections = await Promise.all(
    [1, 2].map(async () => manageBackend(await createR2Backend(server.settings))),
  )
  const body = (n: number) => new Uint8Array(33 * 1024 * 1024).fill(n)
  const request = { module: 'm', userId: 'u', id: 'video', dataFormat: 'binary' } as const
  const attempts = await Promise.allSettled(
    connections.map((storage, n) => storage.storeData({ ...request, data: body(n) })),
  )
  const [winner, ...others] = attempts.flatMap((attempt, n) => (attempt.status === 'fulfilled' ? [n] : []))
  expect(others).toEqual([])
  expect(attempts.find((attempt) => attempt.status === 'rejected')?.reason).toMatchObject({
    code: 'ALREADY_EXISTS',
  })
  const [storage] = connections
  const hash = createHash('sha256')
  const opened = await storage?.openData('m', 'u', 'video')
  for await (const chunk of opened?.body ?? []) hash.update(chunk)
  expect(hash.digest('hex')).toBe(
    createHash('sha256')
      .update(body(winner ?? -1))
      .digest('hex'),
  )
  await Promise.all(connections.map((connection) => connection.close()))
  await server.close()
})

it('says at once that a bucket does not exist', async () => {
  const server = await startLocalR2()
  const opening = createR2Backend({ ...server.settings, bucket: 'no-such-bucket' })
  await expect(opening).rejects.toMatchObject({ code: 'CONFIGURATION' })
  await server.close()
})
