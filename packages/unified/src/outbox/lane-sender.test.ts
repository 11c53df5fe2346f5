import { createIdSource, createMemoryBackend, systemClock, UmbraError } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import { expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { Breaker } from './breaker.ts'
import { createEventHub } from './event-hub.ts'
import { sendLane } from './lane-sender.ts'
import { newLaneState } from './lane-state.ts'
import { LastSeen } from './last-seen.ts'
import { DEFAULT_OUTBOX_POLICY } from './outbox-policy.ts'

const LANE = { path: 'm/u', namespace: { module: 'm', userId: 'u' } }

it('says that an operation may have been sent before, when the file could not take the new name', async () => {
  const folder = await createStorageFolder()
  const outbox = await openOutbox({ path: folder.sqlitePath })
  const remove = { kind: 'delete', id: 'a', expect: { kind: 'etag', etag: '1-x' }, at: '' } as const
  await outbox.append(LANE, { mutations: [remove] }, 'pending')
  const asked: { readonly writer: string; readonly attempted: boolean }[] = []
  const primary = {
    ...createMemoryBackend(),
    numbered: {
      async commitNumbered(_: unknown, about: { readonly writer: string; readonly attempted?: boolean }) {
        asked.push({ writer: about.writer, attempted: about.attempted ?? false })
        throw new UmbraError('CONFLICT', 'forgotten', { details: { reason: 'writer-forgotten' } })
      },
    },
  }
  const clock = systemClock
  const ids = createIdSource()
  const policy = DEFAULT_OUTBOX_POLICY
  const breaker = new Breaker({ clock, ids, policy, onOpen: () => {}, onClose: () => {} })
  const full = new UmbraError('UNAVAILABLE', 'the disk is full')
  const failing = { ...outbox, renameWriter: () => Promise.reject(full) }
  const lastSeen = new LastSeen(outbox, clock, false)
  const events = createEventHub()
  const context = { primary, outbox: failing, breaker, lastSeen, events, policy, clock, ids }
  const state = newLaneState(LANE)
  const hooks = { decided: async () => {} }
  for (let tries = 0; tries < 2; tries++) {
    const lease = await outbox.lease(LANE)
    if (lease === undefined) throw new Error('nobody else has it')
    await expect(sendLane(context, state, { lease, hooks })).rejects.toBe(full)
  }
  expect(asked.map(({ attempted }) => attempted)).toEqual([true, true])
  await outbox.close()
  await folder.remove()
})
