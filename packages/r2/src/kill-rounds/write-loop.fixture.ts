import { setTimeout as pause } from 'node:timers/promises'
import { hasErrorCode, isUmbraError } from '@umbra/core'
import type { Namespace, StorageManager, StorageRecord } from '@umbra/core'
import { CONTENDED_IDS, COUNTER_ID } from './worker-event.fixture.ts'
import type { CounterData, TrailData, WorkerEvent, WorkerTask, WriteAttempt } from './worker-event.fixture.ts'

export interface WriteLoop {
  readonly storage: StorageManager
  readonly task: Pick<WorkerTask, 'namespaces' | 'maxPauseMs'>
  readonly print: (event: WorkerEvent) => void
  readonly random: () => number
  /** Unique over all loops of all workers. */
  readonly name: string
}

/** A record that only this loop writes, as far as it knows it. */
interface OwnRecord {
  readonly namespace: Namespace
  readonly id: string
  etag: string
  trail: readonly string[]
}

type Acknowledged = Pick<StorageRecord, 'id' | 'etag'> & Partial<Pick<StorageRecord, 'pending'>>

const at = ({ module, userId }: Namespace) => ({ module, userId })

/** Writes one thing after the other, until the process is killed. */
export async function runWriteLoop(loop: WriteLoop): Promise<never> {
  const own: OwnRecord[] = []
  for (let n = 0; ; n++) {
    const token = `${loop.name}.${n}`
    await step(loop, token, own)
    if (loop.random() < 0.2) await lookBack(loop, own)
    await pause(loop.random() * loop.task.maxPauseMs)
  }
}

async function step(loop: WriteLoop, token: string, own: OwnRecord[]): Promise<void> {
  const roll = loop.random()
  const namespace = pick(loop, loop.task.namespaces)
  if (namespace === undefined) throw new Error('a worker needs a namespace')
  if (roll < 0.15) return create(loop, token, { own, namespace, count: 1 })
  if (roll < 0.25) return create(loop, token, { own, namespace, count: 3 })
  if (roll < 0.45) return add(loop, token, namespace)
  if (roll < 0.6) return replaceContended(loop, token, namespace)
  const record = pick(loop, own)
  if (record === undefined) return create(loop, token, { own, namespace, count: 1 })
  if (roll < 0.7) return replaceOwn(loop, token, { own, record })
  if (roll < 0.8) return changeOwn(loop, token, { own, record })
  return deleteOwn(loop, token, { own, record })
}

async function create(
  loop: WriteLoop,
  token: string,
  { own, namespace, count }: { own: OwnRecord[]; namespace: Namespace; count: number },
): Promise<void> {
  const ids = Array.from({ length: count }, (_, index) => `${token}-${index}`)
  const requests = ids.map((id) => ({ ...at(namespace), id, data: { trail: [token] } }))
  const kind = count === 1 ? 'create' : 'create-many'
  const stored = await attempt(loop, { token, kind, namespace, ids }, async () => {
    const [first] = requests
    return count === 1 && first ? [await loop.storage.storeData(first)] : loop.storage.storeMany(requests)
  })
  for (const { id, etag } of stored ?? []) own.push({ namespace, id, etag, trail: [token] })
}

interface OwnTarget {
  readonly own: OwnRecord[]
  readonly record: OwnRecord
}

async function replaceOwn(loop: WriteLoop, token: string, { own, record }: OwnTarget): Promise<void> {
  const { namespace, id, etag } = record
  const trail = [...record.trail, token]
  forget(own, record)
  const stored = await attempt(loop, { token, kind: 'replace', namespace, ids: [id] }, async () => [
    await loop.storage.updateData({ ...at(namespace), recordId: id, data: { trail }, ifMatch: etag }),
  ])
  if (stored?.[0] !== undefined) own.push({ ...record, trail, etag: stored[0].etag })
}

async function changeOwn(loop: WriteLoop, token: string, { own, record }: OwnTarget): Promise<void> {
  const { namespace, id } = record
  forget(own, record)
  const stored = await attempt(loop, { token, kind: 'change', namespace, ids: [id] }, async () => [
    await loop.storage.updateData({
      ...at(namespace),
      recordId: id,
      data: ({ trail }: TrailData) => ({ trail: [...trail, token] }),
    }),
  ])
  if (stored?.[0] !== undefined)
    own.push({ ...record, trail: [...record.trail, token], etag: stored[0].etag })
}

async function deleteOwn(loop: WriteLoop, token: string, { own, record }: OwnTarget): Promise<void> {
  const { namespace, id, etag } = record
  forget(own, record)
  await attempt(loop, { token, kind: 'delete', namespace, ids: [id] }, async () => {
    const existed = await loop.storage.deleteData(namespace.module, namespace.userId, id, { ifMatch: etag })
    if (!existed) loop.print({ event: 'violation', text: `${token} found nothing to delete at ${id}` })
    return []
  })
}

async function replaceContended(loop: WriteLoop, token: string, namespace: Namespace): Promise<void> {
  const id = pick(loop, CONTENDED_IDS)
  if (id === undefined) return
  const found = await read(loop, namespace, id)
  if (found === undefined) return
  const data = { trail: [...(found.data as TrailData).trail, token] }
  await attempt(loop, { token, kind: 'replace', namespace, ids: [id] }, async () => [
    await loop.storage.updateData({ ...at(namespace), recordId: id, data, ifMatch: found.etag }),
  ])
}

async function add(loop: WriteLoop, token: string, namespace: Namespace): Promise<void> {
  await attempt(loop, { token, kind: 'add', namespace, ids: [COUNTER_ID] }, async () => [
    await loop.storage.updateData({
      ...at(namespace),
      recordId: COUNTER_ID,
      data: ({ total, by }: CounterData) => ({
        total: total + 1,
        by: { ...by, [loop.name]: (by[loop.name] ?? 0) + 1 },
        last: token,
      }),
    }),
  ])
}

/** Announces the write, does it and tells how it ended; undefined unless it was acknowledged. */
export async function attempt(
  { print }: WriteLoop,
  write: WriteAttempt,
  run: () => Promise<readonly Acknowledged[]>,
): Promise<readonly Acknowledged[] | undefined> {
  const { token } = write
  print({ event: 'try', write })
  try {
    const stored = await run()
    const pending = stored.some((one) => one.pending === true)
    print({ event: 'ack', token, etags: stored.map(({ etag }) => etag), ...(pending && { pending }) })
    return stored
  } catch (error) {
    if (hasErrorCode(error, 'OUTCOME_PENDING')) print({ event: 'unknown', token })
    else if (isUmbraError(error) && error.code !== 'INTERNAL')
      print({ event: 'rejected', token, code: error.code })
    else print({ event: 'violation', text: `${token} failed without a meaning: ${String(error)}` })
    return undefined
  }
}

/** An acknowledged write is visible to every later read: above all to the writer's own. */
async function lookBack(loop: WriteLoop, own: readonly OwnRecord[]): Promise<void> {
  const record = pick(loop, own)
  if (record === undefined) return
  const { namespace, id, etag } = record
  const found = await read(loop, namespace, id)
  if (found === undefined) return
  if (found.etag !== etag) {
    const text = `${loop.name} reads ${id} as ${found.etag} after it was acknowledged as ${etag}`
    loop.print({ event: 'violation', text })
  }
}

/** Undefined when the store did not answer. */
async function read(
  { storage, print }: WriteLoop,
  { module, userId }: Namespace,
  id: string,
): Promise<StorageRecord | undefined> {
  try {
    const found = await storage.retrieveData(module, userId, id)
    if (found !== null) return found
    print({ event: 'violation', text: `${id} in ${module}/${userId} is gone` })
  } catch (error) {
    if (!hasErrorCode(error, 'UNAVAILABLE', 'TIMEOUT', 'RATE_LIMITED', 'UNAUTHENTICATED', 'FORBIDDEN'))
      print({ event: 'violation', text: `${id} in ${module}/${userId} cannot be read: ${String(error)}` })
  }
  return undefined
}

function forget(own: OwnRecord[], record: OwnRecord): void {
  own.splice(own.indexOf(record), 1)
}

function pick<T>({ random }: WriteLoop, from: readonly T[]): T | undefined {
  return from[Math.floor(random() * from.length)]
}
