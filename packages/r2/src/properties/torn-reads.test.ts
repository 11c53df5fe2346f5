import { manageBackend } from '@umbra/core'
import { expect, it } from 'vitest'
import { createR2Backend } from '../create-r2-backend.ts'
import { startLocalR2 } from '../local/start-local-r2.ts'

const SEARCHES = 60
/** So many that parts were sealed and merged meanwhile, however slow the machine is. */
const WRITTEN = 20

it('25. no search sees half a commit, while another process commits, seals and merges all the time', async () => {
  const server = await startLocalR2()
  const limits = { tailLines: 4, overfull: 2, fanOut: 3 }
  const writer = manageBackend(await createR2Backend(server.settings, { limits }))
  const reader = manageBackend(await createR2Backend(server.settings))
  const searches = new AbortController()
  let written = 0
  const writing = (async () => {
    // Each commit has two records: a search must see both or none.
    for (; !searches.signal.aborted; written += 2) {
      const pair = [0, 1].map((half) => ({
        module: 'm',
        userId: 'u',
        id: `r${String(written + half).padStart(5, '0')}`,
        data: 'coffee',
      }))
      await writer.storeMany(pair)
    }
  })()
  try {
    let before = 0
    const isEnough = (searched: number) => searched >= SEARCHES && written > WRITTEN
    for (let n = 0; !isEnough(n); n++) {
      const acknowledged = written
      const { items } = await reader.searchEntries('m', 'u', 'coffee', { limit: 10_000, order: 'oldest' })
      const ids = items.map(({ id }) => id).sort()
      expect(ids.length % 2).toBe(0)
      expect(ids.length).toBeGreaterThanOrEqual(Math.max(before, acknowledged))
      expect(ids).toEqual(ids.map((_, index) => `r${String(index).padStart(5, '0')}`))
      before = ids.length
    }
  } finally {
    searches.abort()
    await writing
    await writer.close()
    await reader.close()
    await server.close()
  }
  expect(written).toBeGreaterThan(WRITTEN)
}, 120_000)
