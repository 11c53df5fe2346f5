import { EventEmitter, once } from 'node:events'
import { createMemoryBackend, UmbraError } from '@umbra/core'
import type { BlobStore, StorageBackend } from '@umbra/core'
import { beforeEach, describe, expect, it } from 'vitest'
import { createCopyBacklog } from './copy-backlog.ts'
import { createHybridBackend } from './hybrid-backend.ts'
import { createHybridBlobs } from './hybrid-blobs.ts'

const PATH = 'json_blobs/k'
const bytes = (text: string) => new TextEncoder().encode(text)

let primary: StorageBackend
let secondary: StorageBackend
/** `frozen`: the process is about to copy what is only in the secondary. `thawed`: it goes on. */
let told: EventEmitter
let etag: string

beforeEach(async () => {
  primary = createMemoryBackend()
  secondary = createMemoryBackend()
  told = new EventEmitter()
  ;({ etag } = await secondary.blobs.put(PATH, bytes('"old"'), undefined))
})

async function textInPrimary(): Promise<string> {
  return Buffer.from((await primary.blobs.get(PATH))?.bytes ?? []).toString()
}

/** The primary as a process sees it that is frozen before its n-th write. */
function freezing(n: number): StorageBackend {
  let writes = 0
  const put: BlobStore['put'] = async (...about) => {
    if (++writes === n) {
      const thawed = once(told, 'thawed')
      told.emit('frozen')
      await thawed
    }
    return primary.blobs.put(...about)
  }
  return { ...primary, blobs: { ...primary.blobs, put } }
}

it.each(['deleted', 'written and deleted'])(
  'a process that was frozen does not bring back what another has %s',
  async (what) => {
    const frozen = createHybridBackend({ primary: freezing(1), secondary })
    const freezes = once(told, 'frozen')
    const change = frozen.blobs.put(PATH, bytes('"new"'), { kind: 'etag', etag })
    const outcome = change.catch((error: unknown) => error)
    await freezes
    const other = createHybridBackend({ primary, secondary })
    if (what !== 'deleted') await other.blobs.put(PATH, bytes('"theirs"'), undefined)
    expect(await other.blobs.delete(PATH, undefined)).toBe(true)
    told.emit('thawed')
    expect(await outcome).toMatchObject({ code: 'PRECONDITION_FAILED', details: { currentEtag: null } })
    expect(await primary.blobs.get(PATH)).toBeUndefined()
    // What is stored in the secondary alone from now on is there.
    await secondary.blobs.put(PATH, bytes('"old"'), undefined)
    expect(await other.blobs.get(PATH)).toMatchObject({ etag })
  },
)

describe('a copy whose answer was lost', () => {
  const change = () => [PATH, bytes('"new"'), { kind: 'etag', etag }] as const
  const elsewhere = () => createHybridBackend({ primary, secondary: createMemoryBackend() }).blobs

  beforeEach(async () => {
    const { blobs } = primary
    const losing: BlobStore['put'] = async (...about) => {
      const info = await blobs.put(...about)
      if (about[2]?.kind === 'absent') throw new UmbraError('OUTCOME_PENDING', 'the answer is lost')
      return info
    }
    const cut = createHybridBackend({ primary: { ...primary, blobs: { ...blobs, put: losing } }, secondary })
    await expect(cut.blobs.put(...change())).rejects.toMatchObject({ code: 'OUTCOME_PENDING' })
  })

  it('is not made again', async () => {
    const hybrid = createHybridBackend({ primary, secondary })
    expect(await hybrid.blobs.put(...change())).toBeDefined()
    expect(await textInPrimary()).toBe('"new"')
  })

  it('is not made again after another host has deleted it', async () => {
    expect(await elsewhere().delete(PATH, undefined)).toBe(true)
    const hybrid = createHybridBackend({ primary, secondary })
    await expect(hybrid.blobs.put(...change())).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    expect(await hybrid.blobs.put(PATH, bytes('"next"'), { kind: 'absent' })).toBeDefined()
    expect(await textInPrimary()).toBe('"next"')
  })

  it('is not shown after another host has deleted it', async () => {
    expect(await elsewhere().delete(PATH, undefined)).toBe(true)
    const hybrid = createHybridBackend({ primary, secondary })
    expect(await hybrid.blobs.get(PATH)).toBeUndefined()
    expect(await primary.blobs.get(PATH)).toBeUndefined()
  })

  it('does not keep somebody who has a name from creating the blob anew', async () => {
    expect(await elsewhere().delete(PATH, undefined)).toBe(true)
    const blobs = createHybridBlobs({ primary, secondary }, createCopyBacklog())
    const named = { opId: 'ours', since: await primary.blobs.newest?.(PATH) }
    expect(await blobs.put(PATH, bytes('"next"'), { kind: 'absent' }, named)).toBeDefined()
    expect(await textInPrimary()).toBe('"next"')
  })
})

it('two hosts that have the same bytes alone make one copy, which one that is refused takes note of', async () => {
  const others = createMemoryBackend()
  await others.blobs.put(PATH, bytes('"old"'), undefined)
  const host = createHybridBackend({ primary: freezing(1), secondary })
  const freezes = once(told, 'frozen')
  const change = host.blobs.put(PATH, bytes('"new"'), { kind: 'etag', etag: 'of another version' })
  const outcome = change.catch((error: unknown) => error)
  await freezes
  const other = createHybridBackend({ primary, secondary: others })
  await expect(
    other.blobs.put(PATH, bytes('"new"'), { kind: 'etag', etag: 'of another version' }),
  ).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
  told.emit('thawed')
  expect(await outcome).toMatchObject({ code: 'PRECONDITION_FAILED', details: { currentEtag: etag } })
  await other.blobs.delete(PATH, undefined)
  expect(await host.blobs.get(PATH)).toBeUndefined()
})

it('the same bytes, stored in the secondary alone again, are copied again', async () => {
  const hybrid = createHybridBackend({ primary, secondary })
  await hybrid.blobs.put(PATH, bytes('"new"'), { kind: 'etag', etag })
  await hybrid.blobs.delete(PATH, undefined)
  await secondary.blobs.put(PATH, bytes('"old"'), undefined)
  expect(await hybrid.blobs.put(PATH, bytes('"newer"'), { kind: 'etag', etag })).toBeDefined()
  expect(await textInPrimary()).toBe('"newer"')
})

it('a sender that was overtaken while it was frozen copies nothing any more', async () => {
  let mayApply = true
  const named = { opId: 'ours', since: undefined, mayApply: () => mayApply }
  const blobs = createHybridBlobs({ primary: freezing(2), secondary }, createCopyBacklog())
  const freezes = once(told, 'frozen')
  // The first of its writes is the change itself, of which the primary knows nothing.
  const change = blobs.put(PATH, bytes('"new"'), { kind: 'etag', etag }, named)
  const outcome = change.catch((error: unknown) => error)
  await freezes
  mayApply = false
  told.emit('thawed')
  expect(await outcome).toMatchObject({ code: 'CONFLICT', details: { reason: 'writer-superseded' } })
  expect(await primary.blobs.get(PATH)).toBeUndefined()
})
