import { performance } from 'node:perf_hooks'
import { argv, memoryUsage, stdout } from 'node:process'
import { manageBackend } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import type { R2Settings } from '@umbra/r2'
import { createCounter } from './counting-store.ts'
import { sampleRecord } from './sample-records.ts'

/** What one fresh process measured; the times in seconds, the memory in bytes. */
export interface ColdOpenFigures {
  /** Opening the storage. */
  readonly open: number
  /** Opening the storage and reading the newest 100 entries. */
  readonly newestPage: number
  /** What it asked the server for until then, and the bytes that came. */
  readonly requests: number
  readonly readBytes: number
  /** Then finding one of the oldest records by its id. */
  readonly lookup: number
  /** Then the oldest 100 entries. */
  readonly oldestPage: number
  /** Resident memory before the storage was opened. */
  readonly idleBytes: number
  /** The most during opening, reading, listing and committing. */
  readonly peakBytes: number
}

export interface ColdOpenTask {
  readonly settings: R2Settings
  readonly module: string
  readonly userId: string
  /** Of an old record. */
  readonly id: string
  /** Reads, lists and commits so many times after the first ones, to see what memory that takes. */
  readonly rounds: number
  /** Then merges everything into one run. */
  readonly compact?: boolean
}

const SAMPLE_INTERVAL_MS = 20

async function measure({
  settings,
  module,
  userId,
  id,
  rounds,
  compact = false,
}: ColdOpenTask): Promise<ColdOpenFigures> {
  const idleBytes = memoryUsage.rss()
  let peakBytes = idleBytes
  const sample = () => {
    peakBytes = Math.max(peakBytes, memoryUsage.rss())
  }
  const sampling = setInterval(sample, SAMPLE_INTERVAL_MS)
  const lap = laps()
  const { counts, decorate } = createCounter()
  const backend = await createR2Backend(settings, { decorate })
  const storage = manageBackend(backend)
  const open = lap()
  const { items } = await storage.listEntries(module, userId, { order: 'newest', limit: 100 })
  const newestPage = open + lap()
  const asked = { requests: counts.classA + counts.classB, readBytes: counts.readBytes }
  if (items.length !== 100) throw new Error('the newest page is not full')
  if ((await storage.retrieveInfo(module, userId, id)) === null) throw new Error('a record is missing')
  const lookup = lap()
  await storage.listEntries(module, userId, { order: 'oldest', limit: 100 })
  const oldestPage = lap()
  for (let round = 0; round < rounds; round++) {
    await storage.retrieveInfo(module, userId, id)
    const page = await storage.listEntries(module, userId, { order: 'newest', limit: 1_000 })
    for (const item of page.items.slice(0, 20)) await storage.retrieveInfo(module, userId, item.id)
    const records = Array.from({ length: 10 }, (_, n) => ({
      module,
      userId,
      data: sampleRecord(round * 10 + n),
    }))
    await storage.storeMany(records)
  }
  if (compact) await backend.maintenance?.compact({ module, userId })
  await storage.close()
  clearInterval(sampling)
  sample()
  return { open, newestPage, ...asked, lookup, oldestPage, idleBytes, peakBytes }
}

/** Seconds since the last call. */
function laps(): () => number {
  let before = performance.now()
  return () => {
    const now = performance.now()
    const taken = (now - before) / 1_000
    before = now
    return taken
  }
}

const [, , task = ''] = argv
// The bench wrote it.
stdout.write(JSON.stringify(await measure(JSON.parse(task) as ColdOpenTask)))
