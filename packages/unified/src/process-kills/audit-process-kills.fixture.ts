import { collectBytes, parseSettings } from '@umbra/core'
import type { Namespace, StorageManager, StorageRecord } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import type { BlobWrite } from '@umbra/sqlite'
import { recordDefects } from '../../../r2/src/kill-rounds/record-defects.fixture.ts'
import type { CounterData, TrailData } from '../../../r2/src/kill-rounds/worker-event.fixture.ts'
import { isShared } from '../../../r2/src/kill-rounds/write-ledger.fixture.ts'
import type { LedgerEntry } from '../../../r2/src/kill-rounds/write-ledger.fixture.ts'
import { createStorageManager } from '../create-storage-manager.ts'
import { blobDefects } from './blob-defects.fixture.ts'
import { BLOBS } from './blob-loop.fixture.ts'
import { compareSides } from './compare-sides.fixture.ts'
import type { ProcessKills } from './run-process-kills.fixture.ts'

const DRAIN_MS = 120_000

/** What the audit looks at. */
export type AuditedKills = Omit<ProcessKills, 'counts' | 'close'>

export interface ProcessKillsAudit {
  /** Empty when every promise was kept. */
  readonly defects: readonly string[]
  /** Pending writes that were refused later, and are listed. */
  readonly conflicts: number
}

/**
 * Drains every database in peace, then reads everything back and compares. A write that is listed as refused must be in
 * no record; every other one that was acknowledged, as committed or as pending, must be there once. In hybrid mode both sides must
 * hold the same.
 */
export async function auditProcessKills(kills: AuditedKills): Promise<ProcessKillsAudit> {
  const defects = [...kills.ledger.violations]
  const byToken = new Map(
    [...kills.namespaces, BLOBS].flatMap((one) =>
      kills.ledger.of(one).map((entry) => [entry.token, entry] as const),
    ),
  )
  for (const path of kills.paths) defects.push(...(await drain(kills, path)))
  // Before anything is read: a read may make up for a copy that was forgotten.
  defects.push(...(await compareSides(kills)))
  let conflicts = 0
  for (const path of kills.mode === 'sqlite' ? [] : kills.paths) {
    for (const refused of await listedIn(path)) {
      conflicts++
      defects.push(...noteRefusal(byToken, refused))
    }
  }
  // Behind an outbox, as somebody sees it who was not there.
  const reader = `${kills.paths[0]}${kills.mode === 'r2' ? '.reader' : ''}`
  defects.push(...(await compare(kills, reader)))
  return { defects, conflicts }
}

async function drain(kills: AuditedKills, path: string): Promise<readonly string[]> {
  const storage = await open(kills, path)
  try {
    const { pending } = await storage.sync({ timeoutMs: DRAIN_MS })
    return pending === 0 ? [] : [`${pending} operations in ${path} were never sent`]
  } finally {
    await storage.close()
  }
}

interface Refused {
  readonly id: string
  /** Undefined for a deletion. */
  readonly token: string | undefined
  readonly why: string
}

async function listedIn(path: string): Promise<readonly Refused[]> {
  const outbox = await openOutbox({ path })
  const refused: Refused[] = []
  for (const { lane, operation, error } of outbox.listed()) {
    const why = `${error.code}: ${error.message}`
    for (const mutation of operation.mutations) {
      if (mutation.kind === 'delete') refused.push({ id: mutation.id, token: undefined, why })
      else {
        const text = Buffer.from(await collectBytes(mutation.body.stream())).toString()
        refused.push({ id: mutation.draft.id, token: lastToken(JSON.parse(text)), why })
      }
    }
    if (operation.blob !== undefined) refused.push({ ...refusedBlob(lane.path, operation.blob), why })
  }
  await outbox.close()
  return refused
}

function refusedBlob(path: string, { bytes }: BlobWrite): Omit<Refused, 'why'> {
  const id = path.slice('json_blobs/'.length, -'.json'.length)
  return { id, token: bytes && lastToken(JSON.parse(Buffer.from(bytes).toString())) }
}

function lastToken(data: unknown): string | undefined {
  // What the write loop stores.
  const { last, trail } = data as Partial<CounterData> & Partial<TrailData>
  return last ?? trail?.at(-1)
}

/** From here on it counts as rejected. */
function noteRefusal(
  byToken: ReadonlyMap<string, LedgerEntry>,
  { id, token, why }: Refused,
): readonly string[] {
  const entry = byToken.get(token ?? '')
  if (!isShared(id))
    return [`${id} has a refused write, though nobody else writes it: ${token ?? 'its deletion'} (${why})`]
  if (entry === undefined) return [`a write of ${id} is listed as refused that nobody began: ${token}`]
  const wasAnswered = entry.outcome === 'acknowledged' && !entry.pending
  entry.outcome = 'rejected'
  return wasAnswered ? [`${entry.token} was acknowledged as committed and is listed as refused`] : []
}

async function compare(kills: AuditedKills, path: string): Promise<readonly string[]> {
  const storage = await open(kills, path)
  const defects: string[] = []
  try {
    for (const namespace of kills.namespaces)
      defects.push(...(await namespaceDefects(storage, namespace, kills.ledger.of(namespace))))
    defects.push(...(await blobDefects(storage, kills.ledger.of(BLOBS))))
  } finally {
    await storage.close()
  }
  return defects
}

/** Reads a namespace back, and says what of it does not fit these writes. */
export async function namespaceDefects(
  storage: StorageManager,
  { module, userId }: Namespace,
  writes: readonly LedgerEntry[],
): Promise<readonly string[]> {
  const found = new Map<string, StorageRecord>()
  const defects: string[] = []
  for await (const record of storage.iterateData(module, userId)) {
    if (found.has(record.id)) defects.push(`${record.id} is listed twice`)
    found.set(record.id, record)
  }
  defects.push(...recordDefects(writes, found))
  return defects.map((text) => `${userId}: ${text}`)
}

async function open({ environment }: AuditedKills, path: string): Promise<StorageManager> {
  return createStorageManager(parseSettings(environment(path)), { outbox: { recoveryJitterMs: 0 } })
}
