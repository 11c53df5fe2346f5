import { createHash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createIdSource, EMPTY_SUM, systemClock } from '@umbra/core'
import type { PartPointer } from '@umbra/core'
import type { PartCache } from '../manifest/part-cache.ts'
import type { LocalPart } from '../manifest/run-format.ts'
import { createDiskPartCache } from './disk-part-cache.ts'

let parent = ''
let directory = ''
let now = 0
const open: PartCache[] = []

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'umbra-cache-test-'))
  directory = join(parent, 'not', 'there yet')
  now = Date.UTC(2026, 0, 1)
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((cache) => cache.close()))
  await rm(parent, { recursive: true, force: true })
})

function createCache(maxBytes?: number): PartCache {
  const cache = createDiskPartCache(
    { directory, ...(maxBytes !== undefined && { maxBytes }) },
    { clock: { ...systemClock, now: () => now }, ids: createIdSource() },
  )
  open.push(cache)
  return cache
}

/** An object in a store, which counts how often it is fetched. */
class StoredPart {
  fetches = 0
  readonly #content: string
  readonly pointer: PartPointer

  constructor(content: string, changes: Partial<PartPointer> = {}) {
    this.#content = content
    this.pointer = {
      _: 'run',
      key: `manifests.d/m/u/${content.slice(0, 8)}.parquet`,
      level: 1,
      rows: 1,
      dels: 0,
      seq: [1, 1],
      ids: ['a', 'a'],
      at: ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'],
      bytes: Buffer.byteLength(content),
      sha256: createHash('sha256').update(content).digest('hex'),
      sum: EMPTY_SUM,
      ...changes,
    }
  }

  readonly fetch = async (): Promise<AsyncIterable<Uint8Array>> => {
    this.fetches++
    return chunks(this.#content)
  }
}

async function* chunks(content: string): AsyncGenerator<Uint8Array, void, undefined> {
  const bytes = Buffer.from(content)
  for (let start = 0; start < bytes.length; start += 7) yield bytes.subarray(start, start + 7)
}

/** By a time of writing that no clock has given it. */
function isSealed(path: string): boolean {
  return statSync(path).mtime < new Date('2010-01-01')
}

async function openPart(cache: PartCache, { pointer, fetch }: StoredPart): Promise<LocalPart> {
  const part = await cache.open(pointer, fetch)
  if (part === undefined) throw new Error('the part is gone')
  return part
}

describe('opening a part', () => {
  it('fetches it once, for concurrent and later calls alike', async () => {
    const cache = createCache()
    const stored = new StoredPart('the content of a part')
    const parts = await Promise.all([openPart(cache, stored), openPart(cache, stored)])
    parts.push(await openPart(cache, stored))
    expect(new Set(parts.map(({ path }) => path)).size).toBe(1)
    expect(await readFile(parts[0]?.path ?? '', 'utf8')).toBe('the content of a part')
    expect(stored.fetches).toBe(1)
    expect(await readdir(join(directory, 'tmp'))).toEqual([])
  })

  it('names the file by its hash and the extension of its key', async () => {
    const stored = new StoredPart('x')
    const { path } = await openPart(createCache(), stored)
    expect(path).toBe(join(directory, `${stored.pointer.sha256}.parquet`))
  })

  it('resolves to undefined when the object is gone, and asks again the next time', async () => {
    const cache = createCache()
    const stored = new StoredPart('x')
    expect(await cache.open(stored.pointer, async () => undefined)).toBeUndefined()
    expect(await openPart(cache, stored)).toBeDefined()
  })

  it('passes on what the fetch rejects with, and keeps nothing', async () => {
    const cache = createCache()
    const stored = new StoredPart('content')
    async function* breaking(): AsyncGenerator<Uint8Array, void, undefined> {
      yield Buffer.from('con')
      throw new Error('connection lost')
    }
    await expect(cache.open(stored.pointer, async () => breaking())).rejects.toThrow('connection lost')
    expect(await readdir(join(directory, 'tmp'))).toEqual([])
    await openPart(cache, stored)
    expect(stored.fetches).toBe(1)
  })

  it.each([
    ['cut short', 'the cont'],
    ['too long', 'the content and more'],
    ['changed', 'the CONTENT'],
  ])('refuses a download that is %s', async (_, received) => {
    const cache = createCache()
    const stored = new StoredPart('the content')
    await expect(cache.open(stored.pointer, async () => chunks(received))).rejects.toMatchObject({
      code: 'CORRUPT',
      message: `a part is not what the manifest says; run fsck. key=${stored.pointer.key}`,
      details: {
        key: stored.pointer.key,
        expected: { bytes: 11, sha256: stored.pointer.sha256 },
        actual: { bytes: expect.any(Number), sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      },
    })
    expect(await readdir(directory)).toEqual(['tmp'])
    expect(await readdir(join(directory, 'tmp'))).toEqual([])
    await openPart(cache, stored)
  })

  it('never leaves its folder, whatever a pointer says', async () => {
    const { pointer, fetch } = new StoredPart('x', { sha256: '../../../x' })
    await expect(createCache().open(pointer, fetch)).rejects.toMatchObject({
      code: 'CORRUPT',
      message: `a part pointer is not one; run fsck. key=${pointer.key}`,
    })
  })
})

describe('a folder that several processes use', () => {
  it('serves what another one fetched', async () => {
    const stored = new StoredPart('shared')
    await openPart(createCache(), stored)
    await openPart(createCache(), stored)
    expect(stored.fetches).toBe(1)
  })

  it('may hold a damaged file, which is fetched again', async () => {
    const stored = new StoredPart('the content')
    const { path } = await openPart(createCache(), stored)
    await writeFile(path, 'the CONTENT')
    expect(await readFile((await openPart(createCache(), stored)).path, 'utf8')).toBe('the content')
    expect(stored.fetches).toBe(2)
  })

  it('finds a file damaged that it has used before', async () => {
    const cache = createCache()
    const stored = new StoredPart('the content')
    const { path } = await openPart(cache, stored)
    await writeFile(path, 'the CONTENT')
    expect(await readFile((await openPart(cache, stored)).path, 'utf8')).toBe('the content')
    expect(stored.fetches).toBe(2)
  })

  it('checks a file that was put there, once', async () => {
    const stored = new StoredPart('the content')
    const { path } = await openPart(createCache(), stored)
    await writeFile(path, 'the content')
    expect(isSealed(path)).toBe(false)
    // Several at once: that another one has sealed it meanwhile is no change.
    await Promise.all([1, 2, 3, 4].map(() => openPart(createCache(), stored)))
    expect(isSealed(path)).toBe(true)
    expect(stored.fetches).toBe(1)
  })

  it('does not read a sealed file again: opening takes no longer for a large one', async () => {
    const stored = new StoredPart('the content')
    const { path } = await openPart(createCache(), stored)
    const { atime, mtime } = statSync(path)
    await writeFile(path, 'the CONTENT')
    await utimes(path, atime, mtime)
    expect(await readFile((await openPart(createCache(), stored)).path, 'utf8')).toBe('the CONTENT')
  })

  it('reads a sealed file again when it is asked to, and gives what it fetches instead another seal', async () => {
    const stored = new StoredPart('the content')
    const cache = createCache()
    const { path } = await openPart(cache, stored)
    const { atime, mtime } = statSync(path)
    await writeFile(path, 'the CONTENT')
    await utimes(path, atime, mtime)
    const lost = async (): Promise<never> => {
      throw new Error('the connection is lost')
    }
    await expect(cache.open(stored.pointer, lost, { isChecked: true })).rejects.toThrow('lost')
    await openPart(cache, stored)
    expect(await readFile(path, 'utf8')).toBe('the content')
    expect(isSealed(path)).toBe(true)
    // Readers know files by their times.
    expect(statSync(path).mtime).not.toEqual(mtime)
  })

  it('seals a file for good: later uses are noted beside it', async () => {
    const cache = createCache()
    const stored = new StoredPart('the content')
    const { path } = await openPart(cache, stored)
    const sealedAt = statSync(path).mtime
    now += 100_000
    await openPart(cache, stored)
    expect(statSync(path)).toMatchObject({ atime: new Date(now), mtime: sealedAt })
  })

  it('may lose a file to another one, which is fetched again', async () => {
    const [one, other] = [createCache(), createCache()]
    const stored = new StoredPart('the content')
    const { path } = await openPart(one, stored)
    await other.forget(stored.pointer)
    expect(existsSync(path)).toBe(false)
    expect(existsSync((await openPart(one, stored)).path)).toBe(true)
    expect(stored.fetches).toBe(2)
  })
})

describe('the bound on bytes', () => {
  const parts = ['1', '2', '3'].map((digit) => new StoredPart(digit.repeat(100)))
  const [first, second, third] = parts
  const cached = async () => (await readdir(directory)).filter((name) => name !== 'tmp').toSorted()
  const namesOf = (...kept: readonly (StoredPart | undefined)[]) =>
    kept.map((part) => `${part?.pointer.sha256}.parquet`).toSorted()

  async function openAfter(cache: PartCache, seconds: number, part: StoredPart | undefined): Promise<void> {
    now += seconds * 1000
    if (part !== undefined) await openPart(cache, part)
  }

  it('deletes what was used least recently', async () => {
    const cache = createCache(250)
    await openAfter(cache, 0, first)
    await openAfter(cache, 100, second)
    await openAfter(cache, 100, first)
    await openAfter(cache, 100, third)
    expect(await cached()).toEqual(namesOf(first, third))
  })

  it('keeps what this process used in the last minute, and deletes it later', async () => {
    const cache = createCache(150)
    await openAfter(cache, 0, first)
    await openAfter(cache, 59, second)
    expect(await cached()).toEqual(namesOf(first, second))
    await openAfter(cache, 2, third)
    expect(await cached()).toEqual(namesOf(second, third))
  })

  it('sees the uses of other processes', async () => {
    const other = createCache(250)
    const cache = createCache(250)
    await openAfter(cache, 0, first)
    await openAfter(cache, 100, second)
    await openAfter(other, 100, first)
    await openAfter(cache, 100, third)
    expect(await cached()).toEqual(namesOf(first, third))
  })

  it('keeps what another process uses all the time rather than what it used once', async () => {
    const other = createCache(250)
    const cache = createCache(250)
    await openAfter(other, 0, first)
    for (let used = 0; used < 10; used++) await openAfter(other, 30, first)
    await openAfter(cache, -100, second)
    await openAfter(cache, 100, undefined)
    await openAfter(cache, 100, third)
    expect(await cached()).toEqual(namesOf(first, third))
  })

  it('is not looked after for every part once the folder is full', async () => {
    const cache = createCache(1_000)
    // Below 900 after the first look; 20 more each, so that the next look comes after 100 more.
    await openAfter(cache, 0, new StoredPart('x'.repeat(890)))
    const sizes: number[] = []
    for (let count = 0; count < 12; count++) {
      await openAfter(cache, 100, new StoredPart(`${count}`.padStart(20)))
      sizes.push((await cached()).length)
    }
    // The large part goes with the sixth small one, not before: 990 are within the bound.
    expect(sizes).toEqual([2, 3, 4, 5, 6, 6, 7, 8, 9, 10, 11, 12])
  })

  it('is kept after every part, whatever its size', async () => {
    const cache = createCache(1_000)
    for (let count = 0; count < 60; count++) {
      await openAfter(cache, 100, new StoredPart(`${count}`.padStart(3 + ((count * 37) % 200))))
      const sizes = (await cached()).map((name) => statSync(join(directory, name)).size)
      expect(sizes.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(1_000)
    }
  })

  it('holds for parts that are adopted', async () => {
    const cache = createCache(150)
    await openAfter(cache, 0, first)
    const path = await cache.temporaryPath('parquet')
    await writeFile(path, '2'.repeat(100))
    now += 100_000
    await cache.adopt(second?.pointer ?? new StoredPart('').pointer, path)
    expect(await cached()).toEqual(namesOf(second))
  })
})

describe('a file that was written here', () => {
  it('is taken and need not be fetched', async () => {
    const cache = createCache()
    const stored = new StoredPart('written here')
    const path = await cache.temporaryPath('parquet')
    expect(dirname(dirname(path))).toBe(directory)
    expect(await cache.temporaryPath('parquet')).not.toBe(path)
    await writeFile(path, 'written here')
    await cache.adopt(stored.pointer, path)
    expect(existsSync(path)).toBe(false)
    const again = await cache.temporaryPath('parquet')
    await writeFile(again, 'written here')
    await cache.adopt(stored.pointer, again)
    const cached = join(directory, `${stored.pointer.sha256}.parquet`)
    expect(isSealed(cached)).toBe(true)
    await openPart(cache, stored)
    expect(stored.fetches).toBe(0)
  })

  it('is fetched when it could not be taken', async () => {
    const cache = createCache()
    const stored = new StoredPart('content')
    await cache.adopt(stored.pointer, join(parent, 'absent'))
    await openPart(cache, stored)
    expect(stored.fetches).toBe(1)
  })

  it('is deleted a day after its process ended before it was done', async () => {
    await mkdir(join(directory, 'tmp', 'old.build'), { recursive: true })
    await writeFile(join(directory, 'tmp', 'old.build', 'slice'), '')
    await writeFile(join(directory, 'tmp', 'young'), '')
    for (const [name, hours] of [
      ['old.build', 25],
      ['young', 23],
    ] as const) {
      const seconds = now / 1000 - hours * 3600
      await utimes(join(directory, 'tmp', name), seconds, seconds)
    }
    await createCache().temporaryPath('parquet')
    expect(await readdir(join(directory, 'tmp'))).toEqual(['young'])
  })
})

describe('forgetting a part', () => {
  it('deletes its file, also one that is just being fetched, and is no error when there is none', async () => {
    const cache = createCache()
    const stored = new StoredPart('secret')
    const opening = openPart(cache, stored)
    await cache.forget(stored.pointer)
    expect(existsSync((await opening).path)).toBe(false)
    await cache.forget(stored.pointer)
  })
})

describe('a folder that cannot be written', () => {
  it('is replaced by a private one, gone when the cache is closed', async () => {
    await writeFile(join(parent, 'not'), 'a file where the folder should be')
    const cache = createCache()
    const { path } = await openPart(cache, new StoredPart('content'))
    expect(await readFile(path, 'utf8')).toBe('content')
    expect(path.startsWith(parent)).toBe(false)
    await cache.close()
    expect(existsSync(dirname(path))).toBe(false)
  })

  it('is replaced too when it fails later', async () => {
    const cache = createCache()
    await openPart(cache, new StoredPart('before'))
    await rm(join(directory, 'tmp'), { recursive: true })
    const [one, other] = [new StoredPart('one'), new StoredPart('other')]
    const [{ path }, second] = await Promise.all([openPart(cache, one), openPart(cache, other)])
    expect(await readFile(path, 'utf8')).toBe('one')
    expect(dirname(second.path)).toBe(dirname(path))
    expect(path.startsWith(parent)).toBe(false)
  })
})

describe('a closed cache', () => {
  it('refuses, leaves the shared folder as it is, and may be closed again', async () => {
    const cache = createCache()
    const stored = new StoredPart('content')
    const { path } = await openPart(cache, stored)
    await cache.close()
    await cache.close()
    expect(existsSync(path)).toBe(true)
    await expect(cache.open(stored.pointer, stored.fetch)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(cache.temporaryPath('x')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})
