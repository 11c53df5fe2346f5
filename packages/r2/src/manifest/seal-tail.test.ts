import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { manageBackend } from '@umbra/core'
import type { ObjectStore } from '@umbra/core'
import { expect, it } from 'vitest'
import { createR2Backend } from '../create-r2-backend.ts'
import { startLocalR2 } from '../local/start-local-r2.ts'

it('what a process has sealed it merges, and reads, without fetching it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'umbra-cache-test-'))
  const server = await startLocalR2()
  const stored: string[] = []
  const fetched: string[] = []
  const decorate = (objects: ObjectStore): ObjectStore => ({
    ...objects,
    put: async (key, ...about) => {
      stored.push(key)
      return objects.put(key, ...about)
    },
    get: async (key, ...about) => {
      fetched.push(key)
      return objects.get(key, ...about)
    },
  })
  const settings = { ...server.settings, cache: { directory } }
  const limits = { tailLines: 4, fanOut: 2 }
  const storage = manageBackend(await createR2Backend(settings, { limits, decorate }))
  for (let n = 0; n < 40; n++) await storage.storeData({ module: 'm', userId: 'u', data: n })
  const found = await storage.retrieveData('m', 'u')
  await storage.close()
  expect(found).toHaveLength(40)
  const isPart = (key: string) => /^manifests\.d\/m\/u\/[sr]\//.test(key)
  expect(stored.filter((key) => key.includes('/r/')).length).toBeGreaterThan(0)
  expect(stored.filter((key) => key.includes('/s/')).length).toBeGreaterThan(1)
  expect(fetched.filter(isPart)).toEqual([])
  await server.close()
  await rm(directory, { recursive: true, force: true })
})
