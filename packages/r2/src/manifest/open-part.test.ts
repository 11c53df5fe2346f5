import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createIdSource, EMPTY_SUM, partsPrefix, systemClock, UmbraError } from '@umbra/core'
import type { PartPointer } from '@umbra/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createDiskPartCache } from '../cache/disk-part-cache.ts'
import { FAST_RETRY } from '../objects/r2-store.fixture.ts'
import { withPart } from './open-part.ts'
import type { PartSource } from './open-part.ts'
import { createSegmentReader } from './segment-reader.ts'
import { createSimulatedStore } from './simulated-store.fixture.ts'

const NAMESPACE = { module: 'm', userId: 'u' }
const LINE = `${JSON.stringify({ id: 'a' })}\n`

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'umbra-open-part-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

/** A segment in a store, and a cache on disk. */
async function stored(): Promise<{ source: PartSource; pointer: PartPointer }> {
  const objects = createSimulatedStore(() => 'none')
  const pointer: PartPointer = {
    _: 'seg',
    key: `${partsPrefix(NAMESPACE)}s/000000000001-x.jsonl`,
    level: 0,
    rows: 1,
    dels: 0,
    seq: [1, 1],
    ids: ['a', 'a'],
    at: ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'],
    bytes: LINE.length,
    sha256: createHash('sha256').update(LINE).digest('hex'),
    sum: EMPTY_SUM,
  }
  await objects.put(pointer.key, Buffer.from(LINE))
  const cache = createDiskPartCache({ directory }, { clock: systemClock, ids: createIdSource() })
  return { source: { cache, objects, retry: FAST_RETRY }, pointer }
}

/** Reads a file that other processes remove at the first so many tries. */
function removedBefore(times: number) {
  let reads = 0
  return async (path: string) => {
    if (++reads <= times) await rm(path)
    return readFile(path)
  }
}

it('a part that others remove from the cache before it is read is fetched again', async () => {
  const { source, pointer } = await stored()
  const read = removedBefore(4)
  const bytes = await withPart(NAMESPACE, pointer, source, ({ path }) => read(path))
  expect(bytes.toString()).toBe(LINE)
  const segments = createSegmentReader({ ...source, readFile: removedBefore(4) })
  expect((await segments.read(NAMESPACE, pointer)).all).toEqual([{ id: 'a' }])
})

it('says what to do when the cache never keeps it long enough, and reads it later', async () => {
  const { source, pointer } = await stored()
  const segments = createSegmentReader({ ...source, readFile: removedBefore(5) })
  await expect(segments.read(NAMESPACE, pointer)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('UMBRA_CACHE_MAX_BYTES'),
  })
  expect((await segments.read(NAMESPACE, pointer)).all).toEqual([{ id: 'a' }])
})

it('any other failure of reading is told as it is', async () => {
  const { source, pointer } = await stored()
  let reads = 0
  const failing = withPart(NAMESPACE, pointer, source, async () => {
    reads++
    throw new UmbraError('CORRUPT', 'damaged')
  })
  await expect(failing).rejects.toThrow('damaged')
  expect(reads).toBe(1)
})
