import { EventEmitter, once } from 'node:events'
import { systemClock } from '@umbra/core'
import type { Clock } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import type { Outbox } from '@umbra/sqlite'
import { expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { whileKeeping } from './keep-lease.ts'

const LANE = { path: 'm/u', namespace: { module: 'm', userId: 'u' } }

it('nobody else sends while something is sent that takes minutes, and somebody does when it has ended', async () => {
  const folder = await createStorageFolder()
  let now = Date.now()
  // A second takes a millisecond.
  const clock: Clock = {
    now: () => now,
    async sleep(delayMs, signal) {
      await systemClock.sleep(delayMs / 1_000, signal)
      now += delayMs
    },
  }
  const alive = (name: string) => ({ name, isAlive: () => true })
  const path = folder.sqlitePath
  const slow = await openOutbox({ path }, { clock, holder: alive('1-slow') })
  const other = await openOutbox({ path }, { clock, holder: alive('2-other') })
  const lease = await slow.lease(LANE)
  if (lease === undefined) throw new Error('nobody has it')
  const until = now + 300_000
  const tries: unknown[] = []
  await whileKeeping({ outbox: slow, clock }, lease, async () => {
    for (let looks = 0; clock.now() < until && looks < 1_000; looks++) {
      await systemClock.sleep(5)
      tries.push(await other.lease(LANE))
    }
  })
  expect(now).toBeGreaterThanOrEqual(until)
  expect(tries.filter((one) => one !== undefined)).toEqual([])
  expect(slow.holds(lease)).toBe(true)
  now += 31_000
  expect(await other.lease(LANE)).toBeDefined()
  await slow.close()
  await other.close()
  await folder.remove()
})

it('a renewal on its way when everything is sent does not take the lease again after it was given back', async () => {
  const folder = await createStorageFolder()
  const clock: Clock = { ...systemClock, sleep: (_, signal) => systemClock.sleep(1, signal) }
  const alive = (name: string) => ({ name, isAlive: () => true })
  const path = folder.sqlitePath
  const sender = await openOutbox({ path }, { clock, holder: alive('1-sender') })
  const other = await openOutbox({ path }, { clock, holder: alive('2-other') })
  const lease = await sender.lease(LANE)
  if (lease === undefined) throw new Error('nobody has it')
  const steps = new EventEmitter()
  const renewing = once(steps, 'renewing')
  const renewed = once(steps, 'renewed')
  const outbox: Outbox = {
    ...sender,
    async lease(lane) {
      steps.emit('renewing')
      await systemClock.sleep(50)
      const taken = await sender.lease(lane)
      steps.emit('renewed')
      return taken
    },
  }
  await whileKeeping({ outbox, clock }, lease, () => renewing)
  await sender.release(lease)
  await renewed
  expect(await other.lease(LANE)).toBeDefined()
  await sender.close()
  await other.close()
  await folder.remove()
})
