import { expect, it } from 'vitest'
import { createMemoryBackend } from '../memory/memory-backend.ts'
import { manageBackend } from './manage-backend.ts'

it('reads a namespace whole that is longer than a page', async () => {
  const storage = manageBackend(createMemoryBackend())
  const data = Array.from({ length: 2_001 }, (_, n) => n)
  for (let start = 0; start < data.length; start += 1_000)
    await storage.storeMany(
      data.slice(start, start + 1_000).map((n) => ({ module: 'm', userId: 'u', data: n })),
    )
  const records = await storage.retrieveData('m', 'u')
  expect(records.map((record) => record.data)).toEqual(data)
})
