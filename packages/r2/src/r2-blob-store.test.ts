import { createIdSource, systemClock, UmbraError } from '@umbra/core'
import type { ObjectStore } from '@umbra/core'
import { describe, expect, it } from 'vitest'
import { createSimulatedStore } from './manifest/simulated-store.fixture.ts'
import type { Fault } from './manifest/simulated-store.fixture.ts'
import { createR2BlobStore } from './r2-blob-store.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

function createBlobs(nextFault: () => Fault = () => 'none', decorate = (store: ObjectStore) => store) {
  const objects = createSimulatedStore((operation) => (operation === 'put' ? nextFault() : 'none'))
  const ids = createIdSource()
  const blobs = createR2BlobStore({
    objects: decorate(objects),
    ids,
    clock: systemClock,
    retry: {
      policy: { maxAttempts: 3, baseDelayMs: 1, maxDelayMs: 1 },
      clock: systemClock,
      random: ids.random,
    },
  })
  const text = async () => Buffer.from((await blobs.get('k'))?.bytes ?? []).toString()
  return { objects, blobs, text }
}

it('a write whose answer was lost is recognised as done', async () => {
  const faults: Fault[] = ['lost-answer', 'none']
  const { blobs, text } = createBlobs(() => faults.shift() ?? 'none')
  await blobs.put('k', bytes('"A"'), { kind: 'absent' })
  expect(await text()).toBe('"A"')
})

it('a write that lost its race behind a lost answer is told so, not left in doubt', async () => {
  const faults: Fault[] = []
  const { blobs, text } = createBlobs(() => faults.shift() ?? 'none')
  const { etag } = await blobs.put('k', bytes('"base"'), undefined)
  // The first request of the loser vanishes; the winner is done before it repeats.
  faults.push('lost-request')
  const losing = blobs.put('k', bytes('"loser"'), { kind: 'etag', etag })
  await blobs.put('k', bytes('"winner"'), { kind: 'etag', etag })
  await expect(losing).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
  expect(await text()).toBe('"winner"')
})

it('a delayed request without a condition does not undo a later write', async () => {
  const faults: Fault[] = ['none', 'late', 'none']
  const { objects, blobs, text } = createBlobs(() => faults.shift() ?? 'none')
  await blobs.put('k', bytes('"zero"'), undefined)
  const { etag } = await blobs.put('k', bytes('"A"'), undefined)
  await blobs.put('k', bytes('"B"'), { kind: 'etag', etag })
  objects.settleLate()
  expect(await text()).toBe('"B"')
})

describe('a named write', () => {
  const TEXT = bytes('"ours"')

  /** Somebody writes so often that a blob remembers nothing of before. */
  async function writeOften(blobs: ReturnType<typeof createBlobs>['blobs']): Promise<void> {
    for (let n = 0; n < 17; n++) await blobs.put('k', bytes(`${n}`), undefined)
  }

  it('that is repeated changes nothing, and says whether it is current', async () => {
    const { blobs, text } = createBlobs()
    const named = { opId: 'op', since: await blobs.newest?.('k') }
    const info = await blobs.put('k', TEXT, { kind: 'absent' }, named)
    expect(await blobs.put('k', TEXT, { kind: 'absent' }, named)).toEqual(info)
    await blobs.put('k', bytes('"theirs"'), undefined)
    expect(await blobs.put('k', TEXT, { kind: 'absent' }, named)).toEqual({ ...info, superseded: true })
    expect(await text()).toBe('"theirs"')
  })

  it('that deletes what is not there is known too', async () => {
    const { blobs, text } = createBlobs()
    const named = { opId: 'op', since: await blobs.newest?.('k') }
    expect(await blobs.delete('k', undefined, named)).toBe(false)
    expect(await text()).toBe('')
    await blobs.put('k', bytes('"theirs"'), { kind: 'absent' })
    await blobs.delete('k', undefined, named)
    expect(await text()).toBe('"theirs"')
  })

  it('that may be forgotten counts as overtaken', async () => {
    const { blobs, text } = createBlobs()
    const named = { opId: 'op', since: await blobs.newest?.('k') }
    await writeOften(blobs)
    expect(await blobs.put('k', TEXT, undefined, named)).toMatchObject({ superseded: true })
    expect(await text()).toBe('16')
  })

  it('that names a version is refused when it may be forgotten, never dropped in silence', async () => {
    const { blobs } = createBlobs()
    const { etag } = await blobs.put('k', bytes('"base"'), undefined)
    const named = { opId: 'op', since: await blobs.newest?.('k') }
    await writeOften(blobs)
    const currentEtag = (await blobs.get('k'))?.etag
    const refused = { code: 'PRECONDITION_FAILED', details: { currentEtag, reason: 'forgotten' } }
    await expect(blobs.put('k', TEXT, { kind: 'etag', etag }, named)).rejects.toMatchObject(refused)
    await expect(blobs.delete('k', { kind: 'etag', etag }, named)).rejects.toMatchObject(refused)
  })

  it('is not applied any more by one who was overtaken while it looked', async () => {
    const { blobs, text } = createBlobs()
    const named = { opId: 'op', since: await blobs.newest?.('k'), mayApply: () => false }
    await expect(blobs.put('k', TEXT, undefined, named)).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'writer-superseded' },
    })
    expect(await text()).toBe('')
  })

  it.each([
    ['may have arrived', 'unknown', { code: 'OUTCOME_PENDING' }],
    ['was refused', 'not-applied', { code: 'CONFLICT', details: { reason: 'writer-superseded' } }],
  ] as const)(
    'is not sent again by one who was overtaken after a request that %s',
    async (_, outcome, rejection) => {
      let requests = 0
      const { blobs } = createBlobs(undefined, (objects) => ({
        ...objects,
        async put() {
          requests++
          throw new UmbraError('RATE_LIMITED', 'slow down', { details: { outcome } })
        },
      }))
      const named = { opId: 'op', since: undefined, mayApply: () => requests === 0 }
      await expect(blobs.put('k', TEXT, undefined, named)).rejects.toMatchObject(rejection)
      expect(requests).toBe(1)
    },
  )

  it('is not given up when the bucket is another one, or was emptied', async () => {
    const { blobs, text } = createBlobs()
    await blobs.put('k', TEXT, undefined, { opId: 'op', since: 'elsewhere' })
    expect(await text()).toBe('"ours"')
  })

  it('that was never tried is applied however many have written since it was queued', async () => {
    const { blobs, text } = createBlobs()
    await writeOften(blobs)
    await blobs.put('k', TEXT, undefined, { opId: 'op', since: undefined })
    expect(await text()).toBe('"ours"')
  })
})

it('a write that the store refuses, and then cannot be asked about, is not told as refused', async () => {
  let isAway = false
  const { blobs } = createBlobs(undefined, (objects) => ({
    ...objects,
    async put() {
      isAway = true
      throw new UmbraError('CONFLICT', 'others are writing', { details: { outcome: 'not-applied' } })
    },
    head(...about) {
      if (isAway) throw new UmbraError('UNAVAILABLE', 'the store is away')
      return objects.head(...about)
    },
  }))
  await expect(blobs.put('k', bytes('1'), { kind: 'absent' })).rejects.toMatchObject({
    code: 'OUTCOME_PENDING',
  })
})

it('a write that the store refuses among others, though nobody changed the blob, is tried again', async () => {
  let refusals = 5
  const { blobs, text } = createBlobs(undefined, (objects) => ({
    ...objects,
    async put(...about) {
      if (refusals-- > 0)
        throw new UmbraError('CONFLICT', 'others are writing', { details: { outcome: 'not-applied' } })
      return objects.put(...about)
    },
  }))
  await blobs.put('k', bytes('1'), { kind: 'absent' })
  expect(await text()).toBe('1')
})

it('a write without a condition that others outrun ten times is not given up because the store then refuses it once', async () => {
  const bucket = createSimulatedStore(() => 'none')
  const others = createBlobs(undefined, () => bucket).blobs
  let puts = 0
  const { blobs, text } = createBlobs(undefined, () => ({
    ...bucket,
    async put(...about) {
      if (++puts <= 10) await others.put('k', bytes(`"${puts}"`), undefined)
      if (puts > 10 && puts <= 13)
        throw new UmbraError('CONFLICT', 'others are writing', { details: { outcome: 'not-applied' } })
      return bucket.put(...about)
    },
  }))
  await blobs.put('k', bytes('"ours"'), undefined)
  expect(await text()).toBe('"ours"')
})

it('a write in doubt is not told as refused because somebody wrote the same bytes again', async () => {
  const bucket = createSimulatedStore(() => 'none')
  const others = createBlobs(undefined, () => bucket).blobs
  const { etag } = await others.put('k', bytes('"A"'), undefined)
  const { blobs } = createBlobs(undefined, () => ({
    ...bucket,
    async put() {
      await others.put('k', bytes('"A"'), undefined)
      throw new UmbraError('TIMEOUT', 'the request is on its way', { details: { outcome: 'unknown' } })
    },
  }))
  const ours = blobs.put('k', bytes('"ours"'), { kind: 'etag', etag })
  await expect(ours).rejects.toMatchObject({ code: 'OUTCOME_PENDING' })
})
