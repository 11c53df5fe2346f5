import { randomUUID } from 'node:crypto'
import { hasErrorCode, systemClock } from '@umbra/core'
import type { Clock, Namespace, StoredBlob } from '@umbra/core'
import { mapConcurrently } from '../migration/map-concurrently.ts'
import { recordKey } from './copy-backlog.ts'
import type { CopyBacklog } from './copy-backlog.ts'
import { copyAgain } from './copy-committed.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { wasInPrimary } from './primary-note.ts'

interface OwedBatch {
  readonly namespace: Namespace
  readonly ids: readonly string[]
  /** When it was begun: milliseconds since 1970. */
  readonly at: number
}

/**
 * Batches that go to the primary without an outbox row, noted in the secondary until their copies are made: what a process
 * that died in between owes, the next one copies.
 */
export interface OwedCopies {
  /** Before the primary is asked. Resolves to what ends the note: `made` when the copies are made or were never owed. */
  note(namespace: Namespace, ids: readonly string[]): Promise<(copies: 'made' | 'owed') => Promise<void>>
  /** The primary answers: copies in the background what is owed, unless nothing is. */
  wake(): void
  /** Waits for the copy that is being made. */
  close(): Promise<void>
}

/** Outside `json_blobs/`, so no caller's blob can have this path. */
const PATH = 'hybrid/owed.json'
/** Until the next look at what another process is still committing, or what could not be copied. */
const LOOK_AGAIN_MS = 10_000
/** Until the next look when nothing is owed: another process may die. */
const NOTHING_OWED_MS = 60_000
/** A batch that is not in the primary after this time was never committed. */
const MAX_COMMIT_MS = 24 * 60 * 60 * 1_000
const PARALLEL_COPIES = 16

export function createOwedCopies(
  parts: HybridParts,
  backlog: CopyBacklog,
  clock: Clock = systemClock,
): OwedCopies {
  const { primary, secondary } = parts
  const own = new Set<string>()
  let lookAt = 0
  let looking: Promise<void> | undefined
  let isClosed = false

  async function change(edit: (batches: Map<string, OwedBatch>) => void): Promise<void> {
    for (;;) {
      const stored = await secondary.blobs.get(PATH)
      const batches = parse(stored)
      edit(batches)
      const bytes = new TextEncoder().encode(JSON.stringify([...batches]))
      try {
        const expect = stored ? ({ kind: 'etag', etag: stored.etag } as const) : ({ kind: 'absent' } as const)
        await secondary.blobs.put(PATH, bytes, expect)
        return
      } catch (error) {
        // Another batch of this or another process was noted meanwhile.
        if (!hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
      }
    }
  }

  async function look(): Promise<void> {
    const batches = parse(await secondary.blobs.get(PATH))
    let left = 0
    for (const [name, batch] of batches) {
      if (own.has(name)) continue
      if (await settle(batch)) await change((all) => all.delete(name))
      else left++
    }
    lookAt = clock.now() + (left === 0 ? NOTHING_OWED_MS : LOOK_AGAIN_MS)
  }

  /** Whether nothing is owed of it any more. */
  async function settle({ namespace, ids, at }: OwedBatch): Promise<boolean> {
    if (!(await isCommitted(namespace, ids))) return clock.now() - at > MAX_COMMIT_MS
    await mapConcurrently(ids, PARALLEL_COPIES, async (id) => {
      if (isClosed) throw new Error('closed')
      const copy = await secondary.getEntry(namespace, id)
      if (copy !== undefined && (await wasInPrimary(secondary, namespace, copy.entry))) return
      await copyAgain(parts, namespace, id)
    })
    backlog.remove(ids.map((id) => recordKey(namespace, id)))
    return true
  }

  /** All of a batch is committed, or none; some of it may have been deleted since. */
  async function isCommitted(namespace: Namespace, ids: readonly string[]): Promise<boolean> {
    const some = [...new Set([ids.at(0), ids.at(-1)])].filter((id) => id !== undefined)
    const found = await Promise.all(some.map((id) => primary.getEntry(namespace, id)))
    if (found.some((stored) => stored !== undefined)) return true
    return ((await primary.inventory?.findDeletions(namespace, some))?.size ?? 0) > 0
  }

  return {
    async note(namespace, ids) {
      const name = randomUUID()
      own.add(name)
      const { module, userId } = namespace
      await change((batches) => batches.set(name, { namespace: { module, userId }, ids, at: clock.now() }))
      return async (copies) => {
        own.delete(name)
        if (copies === 'made') await change((batches) => batches.delete(name))
        else lookAt = 0
      }
    },
    wake() {
      if (looking !== undefined || isClosed || clock.now() < lookAt) return
      looking = look()
        // What could not be copied now stays noted.
        .catch(() => void (lookAt = clock.now() + LOOK_AGAIN_MS))
        .finally(() => (looking = undefined))
    },
    async close() {
      isClosed = true
      await looking
    },
  }
}

function parse(stored: StoredBlob | undefined): Map<string, OwedBatch> {
  // Only `change` writes to this path.
  return new Map(
    stored && (JSON.parse(new TextDecoder().decode(stored.bytes)) as (readonly [string, OwedBatch])[]),
  )
}
