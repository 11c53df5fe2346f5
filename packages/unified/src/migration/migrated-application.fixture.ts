import { setTimeout as pause } from 'node:timers/promises'
import { manageBackend, recordEtag } from '@umbra/core'
import type { Namespace, StorageBackend } from '@umbra/core'
import { createSeededRandom } from '@umbra/core/testing'
import { put } from './migration.fixture.ts'

/** So little that migrations which are killed come to its end, and find changed what they copied before. */
const NAMESPACES = 8
const RECORDS = 3
const BLOBS = 6

/** Milliseconds between two writes, at most. */
const MAX_PAUSE_MS = 16

/** What the application was told of a record when it wrote it last. */
export interface ToldRecord {
  readonly namespace: Namespace
  readonly id: string
  /** Undefined: deleted. */
  readonly etag: string | undefined
}

export interface ToldBlob {
  readonly key: string
  /** Undefined: deleted. */
  readonly etag: string | undefined
  /** Written more than once. Blobs have no revisions, so a copy that was made before is not replaced. */
  readonly isChanged: boolean
}

/** An application that goes on using the database that is migrated. The same seed makes the same decisions. */
export interface MigratedApplication {
  /** Stores, changes or deletes a record or a blob. */
  write(): Promise<void>
  /** Writes one thing after the other until it is told to stop. Never rejects: what goes wrong is among the violations. */
  writeUntil(stopped: AbortSignal): Promise<void>
  readonly records: ReadonlyMap<string, ToldRecord>
  readonly blobs: ReadonlyMap<string, ToldBlob>
  readonly violations: readonly string[]
  /** Writes acknowledged after the first ones, with which it began. */
  written(): number
}

export interface MigratedApplicationOptions {
  /** Where it writes once it has begun; what it begins with is in `backend` in any case. */
  readonly writesTo?: StorageBackend
  /** What it begins with besides the little that all begin with. */
  readonly more?: { readonly namespaces: number; readonly blobs: number }
}

export async function startMigratedApplication(
  backend: StorageBackend,
  seed: number,
  { writesTo = backend, more = { namespaces: 0, blobs: 0 } }: MigratedApplicationOptions = {},
): Promise<MigratedApplication> {
  let storage = manageBackend(backend)
  const random = createSeededRandom(seed)
  const records = new Map<string, ToldRecord>()
  const blobs = new Map<string, ToldBlob>()
  const violations: string[] = []
  const namespaces = Array.from({ length: NAMESPACES + more.namespaces }, (_, n) => ({
    module: `m${n % 3}`,
    userId: `u${n}`,
  }))
  let written = 0

  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)]
  const tell = (told: ToldRecord) => void records.set(`${told.namespace.userId}/${told.id}`, told)
  const live = () => [...records.values()].filter(({ etag }) => etag !== undefined)
  const deleted = () => [...records.values()].filter(({ etag }) => etag === undefined)
  const liveBlobs = () => [...blobs.values()].filter(({ etag }) => etag !== undefined)

  async function store(namespace: Namespace, id: string): Promise<void> {
    const { etag } = await storage.storeData({ ...namespace, id, data: { by: 'store', n: written } })
    tell({ namespace, id, etag })
  }

  async function change({ namespace, id, etag }: ToldRecord): Promise<void> {
    const data = { by: 'change', n: written }
    const stored = await storage.updateData({
      ...namespace,
      recordId: id,
      data,
      ...(etag && { ifMatch: etag }),
    })
    tell({ namespace, id, etag: stored.etag })
  }

  async function remove({ namespace, id, etag }: ToldRecord): Promise<void> {
    const { module, userId } = namespace
    const existed = await storage.deleteData(module, userId, id, etag === undefined ? {} : { ifMatch: etag })
    if (!existed) violations.push(`${userId}/${id} was not there when it was to be deleted`)
    tell({ namespace, id, etag: undefined })
  }

  async function putBlob(key: string): Promise<void> {
    const isChanged = blobs.has(key)
    const { etag } = await storage.putBlob(key, { n: written })
    blobs.set(key, { key, etag, isChanged })
  }

  async function removeBlob(key: string): Promise<void> {
    await storage.deleteBlob(key)
    blobs.set(key, { key, etag: undefined, isChanged: true })
  }

  async function write(): Promise<void> {
    const roll = random()
    const namespace = pick(namespaces)
    const record = pick(live())
    const gone = pick(deleted())
    const blob = pick(liveBlobs())
    if (roll < 0.3 && record) await change(record)
    else if (roll < 0.5 && record) await remove(record)
    else if (roll < 0.6 && gone) await store(gone.namespace, gone.id)
    else if (roll < 0.7) await putBlob(`new-${written}`)
    else if (roll < 0.74 && blob) await putBlob(blob.key)
    else if (roll < 0.76 && blob) await removeBlob(blob.key)
    else if (namespace) await store(namespace, `new-${written}`)
    written++
  }

  for (const namespace of namespaces) {
    for (let n = 0; n < RECORDS; n++) {
      const entry = await put(backend, { id: `r${n}`, value: n }, { namespace, rev: 1 + (n % 3) })
      tell({ namespace, id: entry.id, etag: recordEtag(entry) })
    }
  }
  for (let n = 0; n < BLOBS + more.blobs; n++) await putBlob(`b${n}`)
  storage = manageBackend(writesTo)

  return {
    records,
    blobs,
    violations,
    write,
    written: () => written,
    async writeUntil(stopped) {
      try {
        while (!stopped.aborted) {
          await write()
          await pause(random() * MAX_PAUSE_MS)
        }
      } catch (error) {
        violations.push(`the application failed: ${String(error)}`)
      }
    },
  }
}
