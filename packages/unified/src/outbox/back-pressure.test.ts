import { setImmediate } from 'node:timers/promises'
import { systemClock, UmbraError } from '@umbra/core'
import type { Clock, StorageBackend } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import type { Outbox } from '@umbra/sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { FakeStore } from './fake-store.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'

/** So many of the writes below fill it. */
const ROOM = 20
const HOUR_MS = 60 * 60 * 1_000
const BYTES = new TextEncoder().encode('x'.repeat(1_000))

let folder: StorageFolder
let store: FakeStore
let outbox: Outbox
let backend: StorageBackend
/** What writes have waited before they were queued, milliseconds. */
let waits: number[]
/** What such a wait ends with. */
let waitIsOver: () => Promise<unknown>

beforeEach(async () => {
  folder = await createStorageFolder()
  store = createFakeStore()
  waits = []
  waitIsOver = () => setImmediate()
  const clock: Clock = {
    ...systemClock,
    async sleep(delayMs, signal) {
      if (signal !== undefined) return systemClock.sleep(delayMs, signal)
      // A write that waits for room cannot be told to stop; while the store is away, nothing else waits so.
      waits.push(delayMs)
      await waitIsOver()
    },
  }
  const maxBytes = ROOM * (await sizeOfOne())
  outbox = await openOutbox({ path: folder.sqlitePath, maxBytes }, { clock })
  backend = createOutboxBackend({
    primary: store.client(),
    outbox,
    clock,
    // Away for so long that nobody tries meanwhile.
    policy: { breakMs: HOUR_MS, maxBreakMs: HOUR_MS, recoveryJitterMs: 0 },
    awayBecause: new UmbraError('UNAVAILABLE', 'the fake is down'),
  })
  store.usually = 'down'
})
afterEach(async () => {
  await backend.close()
  await folder.remove()
})

/** Bytes that one of the writes below takes in an outbox. */
async function sizeOfOne(): Promise<number> {
  const measured = await openOutbox({ path: `${folder.sqlitePath}-measured` })
  await queue(measured, 'measured')
  const { bytes } = measured.usage()
  await measured.close()
  return bytes
}

/** Past the backend. */
async function queue(into: Outbox, path: string): Promise<void> {
  const blob = { bytes: BYTES, expect: undefined, base: null }
  await into.append({ path, namespace: undefined }, { blob }, 'pending')
}

const queued = () => outbox.backlog().map(({ lane }) => lane.path)

/** How long the write of another blob waited; undefined when it did not. */
async function write(name: string): Promise<number | undefined> {
  const before = waits.length
  await backend.blobs.put(name, BYTES, undefined)
  return waits[before]
}

async function fill(count: number): Promise<(number | undefined)[]> {
  const waited: (number | undefined)[] = []
  for (let n = 0; n < count; n++) waited.push(await write(`blob-${n}`))
  return waited
}

describe('an outbox that fills up', () => {
  it('takes writes at once up to 80 % of its limit, then ever more slowly, and refuses what does not fit', async () => {
    const waited = await fill(ROOM)
    expect(waited.slice(0, 17)).toEqual(Array.from({ length: 17 }))
    // 85, 90 and 95 % were full when they came.
    expect(waited.slice(17)).toEqual([250, 500, 750])
    await expect(write('too many')).rejects.toMatchObject({ code: 'OUTBOX_FULL' })
    expect(waits).toEqual([250, 500, 750, 1_000])
    expect(queued()).toHaveLength(ROOM)
    expect(queued()).not.toContain('too many')
  })

  it('queues a write that waits when its wait is over, and no sooner', async () => {
    await fill(ROOM - 2)
    let endWait = () => {}
    waitIsOver = () => new Promise<void>((resolve) => (endWait = resolve))
    const waiting = write('waiting')
    // Queued one after the other: whatever came before this one is there when this one is.
    await queue(outbox, 'next')
    expect(queued()).toContain('next')
    expect(queued()).not.toContain('waiting')
    endWait()
    expect(await waiting).toBe(500)
    expect(queued()).toContain('waiting')
  })

  it('takes writes at once again when what was pending is sent', async () => {
    await fill(ROOM)
    store.usually = 'ok'
    expect(await backend.pendingWrites?.sync({})).toEqual({ pending: 0 })
    expect(outbox.usage().bytes).toBe(0)
    waits = []
    await write('later')
    expect(waits).toEqual([])
  })
})
