import { createMemoryBody, namespacePath, recordEtag } from '@umbra/core'
import type { Clock, ManifestEntry, Mutation, PutMutation } from '@umbra/core'
import { afterEach } from 'vitest'
import { newDatabasePath } from '../temporary-folder.fixture.ts'
import { openOutbox } from './outbox.ts'
import type {
  Lane,
  LaneLease,
  Outbox,
  OutboxComponents,
  OutboxHolder,
  OutboxSettings,
} from './outbox-port.ts'

export const NAMESPACE = { module: 'm', userId: 'u' }
export const LANE: Lane = { path: namespacePath(NAMESPACE), namespace: NAMESPACE }
const AT = '2026-01-01T00:00:00.000Z'

const opened: Outbox[] = []
afterEach(async () => {
  for (const outbox of opened.splice(0)) await outbox.close()
})

/** A clock that is set, and lets no time pass by itself. */
export function createSetClock(): Clock & { setTo(atMs: number): void } {
  let nowMs = Date.parse(AT)
  return {
    now: () => nowMs,
    setTo: (atMs) => {
      nowMs = atMs
    },
    sleep: async (delayMs) => {
      nowMs += delayMs
    },
  }
}

/** Holders of one machine, on which those named are alive. One whose name has `unseen` in it is in another container. */
export function holderNamed(name: string, alive: readonly string[]): OutboxHolder {
  return { name, isAlive: (other) => (other.includes('unseen') ? undefined : alive.includes(other)) }
}

export async function openTestOutbox(
  settings: Partial<OutboxSettings> = {},
  components: OutboxComponents = {},
): Promise<Outbox> {
  const outbox = await openOutbox(
    { path: settings.path ?? (await newDatabasePath()), ...settings },
    components,
  )
  opened.push(outbox)
  return outbox
}

export function put(id: string, text: string, etag?: string): PutMutation {
  const body = createMemoryBody(new TextEncoder().encode(text))
  const draft = {
    id,
    module: 'm',
    user_id: 'u',
    timestamp: AT,
    data_type: 'json' as const,
    size: body.size,
    metadata: {},
    sha256: body.sha256,
    record_count: null,
    text,
  }
  return {
    kind: 'put',
    draft,
    body,
    expect: etag === undefined ? { kind: 'absent' } : { kind: 'etag', etag },
  }
}

export function fresh(id: string, text: string): PutMutation {
  return { ...put(id, text), freshId: true }
}

export function remove(id: string, etag: string): Mutation {
  return { kind: 'delete', id, expect: { kind: 'etag', etag }, at: AT }
}

export async function leaseOf(outbox: Outbox, lane = LANE): Promise<LaneLease> {
  const lease = await outbox.lease(lane)
  if (lease === undefined) throw new Error('the lane is leased to somebody else')
  return lease
}

export function etagOf(entries: readonly ManifestEntry[], index = 0): string {
  const entry = entries[index]
  if (entry === undefined) throw new Error('there is no such entry')
  return recordEtag(entry)
}
