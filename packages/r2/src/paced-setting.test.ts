import { manageBackend, systemClock } from '@umbra/core'
import type { Clock } from '@umbra/core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createR2Backend } from './create-r2-backend.ts'
import { startLocalR2 } from './local/start-local-r2.ts'
import type { LocalR2 } from './local/start-local-r2.ts'

let server: LocalR2
beforeAll(async () => {
  server = await startLocalR2()
})
afterAll(() => server.close())

/** Its sleeps take no time but on its own face. */
function createFastClock(): { readonly clock: Clock; readonly slept: number[] } {
  const slept: number[] = []
  let ahead = 0
  const clock: Clock = {
    now: () => systemClock.now() + ahead,
    async sleep(delayMs) {
      slept.push(delayMs)
      ahead += delayMs
    },
  }
  return { clock, slept }
}

it.each([
  ['waits for its turn', true],
  ['does not wait', false],
  ['does not wait, unless the store says so,', undefined],
])('a second commit right after the first %s when paced is %s', async (_, paced) => {
  const { clock, slept } = createFastClock()
  const settings = { ...server.settings, ...(paced !== undefined && { paced }) }
  const storage = manageBackend(await createR2Backend(settings, { clock }))
  const at = { module: `paced-${paced}`, userId: 'u' }
  await storage.storeData({ ...at, data: 1 })
  slept.splice(0)
  await storage.storeData({ ...at, data: 2 })
  const longest = Math.max(0, ...slept)
  if (paced === true) expect(longest).toBeGreaterThan(500)
  else expect(longest).toBeLessThan(500)
  await storage.close()
})
