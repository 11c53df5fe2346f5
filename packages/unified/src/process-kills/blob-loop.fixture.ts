import { setTimeout as pause } from 'node:timers/promises'
import { hasErrorCode } from '@umbra/core'
import { COUNTER_ID } from '../../../r2/src/kill-rounds/worker-event.fixture.ts'
import type { CounterData, TrailData } from '../../../r2/src/kill-rounds/worker-event.fixture.ts'
import { attempt } from '../../../r2/src/kill-rounds/write-loop.fixture.ts'
import type { WriteLoop } from '../../../r2/src/kill-rounds/write-loop.fixture.ts'

/** Where the ledger has the writes of blobs, whose ids are their keys. No record is in it. */
export const BLOBS = { module: 'blobs', userId: 'blobs' }

/** A blob that only this loop writes, as far as it knows it. */
interface OwnBlob {
  readonly key: string
  readonly trail: readonly string[]
  /** Undefined while it is deleted. */
  readonly etag: string | undefined
}

/** Writes one blob after the other, until the process is killed: a counter that all share, and blobs of its own. */
export async function runBlobLoop(loop: WriteLoop): Promise<never> {
  let own: OwnBlob | undefined
  for (let n = 0; ; n++) {
    const token = `${loop.name}.${n}`
    const roll = loop.random()
    if (roll < 0.4) await add(loop, token)
    // What became of the one before may not be known.
    else own = await changeOwn(loop, token, own ?? { key: token, trail: [], etag: undefined })
    if (own !== undefined && roll > 0.8) await lookBack(loop, own)
    await pause(loop.random() * loop.task.maxPauseMs)
  }
}

async function changeOwn(
  loop: WriteLoop,
  token: string,
  { key, trail, etag }: OwnBlob,
): Promise<OwnBlob | undefined> {
  const about = { token, namespace: BLOBS, ids: [key] }
  if (etag !== undefined && loop.random() < 0.2) {
    const deleted = await attempt(loop, { ...about, kind: 'delete' }, async () => {
      if (!(await loop.storage.deleteBlob(key)))
        loop.print({ event: 'violation', text: `${token} found no blob to delete at ${key}` })
      return []
    })
    return deleted && { key, trail: [], etag: undefined }
  }
  const value = { trail: [...trail, token] }
  const stored = await attempt(loop, { ...about, kind: 'replace' }, async () => [
    { id: key, ...(await loop.storage.putBlob(key, value)) },
  ])
  return stored?.[0] && { key, trail: value.trail, etag: stored[0].etag }
}

async function add(loop: WriteLoop, token: string): Promise<void> {
  const found = await read(loop, COUNTER_ID)
  if (found === undefined) return
  if (found === null)
    return loop.print({ event: 'violation', text: `${token} finds the counter of blobs gone` })
  const { total, by } = found.value as unknown as CounterData
  const value = { total: total + 1, by: { ...by, [loop.name]: (by[loop.name] ?? 0) + 1 }, last: token }
  const write = { token, kind: 'add', namespace: BLOBS, ids: [COUNTER_ID] } as const
  await attempt(loop, write, async () => [
    { id: COUNTER_ID, ...(await loop.storage.putBlob(COUNTER_ID, value, { ifMatch: found.etag })) },
  ])
}

async function lookBack(loop: WriteLoop, { key, trail }: OwnBlob): Promise<void> {
  const found = await read(loop, key)
  if (found === undefined) return
  const there = (found?.value as unknown as TrailData | undefined)?.trail ?? []
  if (there.join() === trail.join()) return
  const text = `${loop.name} reads blob ${key} as ${there.join(' ')} after it was acknowledged as ${trail.join(' ')}`
  loop.print({ event: 'violation', text })
}

/** Undefined when the store did not answer. */
async function read({ storage, print }: WriteLoop, key: string) {
  try {
    return await storage.getBlob(key)
  } catch (error) {
    if (!hasErrorCode(error, 'UNAVAILABLE', 'TIMEOUT', 'RATE_LIMITED', 'UNAUTHENTICATED', 'FORBIDDEN'))
      print({ event: 'violation', text: `blob ${key} cannot be read: ${String(error)}` })
    return undefined
  }
}
