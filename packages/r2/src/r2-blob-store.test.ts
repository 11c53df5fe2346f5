import { createIdSource, systemClock } from '@umbra/core'
import { expect, it } from 'vitest'
import { createSimulatedStore } from './manifest/simulated-store.fixture.ts'
import type { Fault } from './manifest/simulated-store.fixture.ts'
import { createR2BlobStore } from './r2-blob-store.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

function createBlobs(nextFault: () => Fault) {
  const objects = createSimulatedStore((operation) => (operation === 'put' ? nextFault() : 'none'))
  const ids = createIdSource()
  const blobs = createR2BlobStore({
    objects,
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
