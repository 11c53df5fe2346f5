import { randomUUID } from 'node:crypto'
import { hasErrorCode, isUmbraError, systemClock } from '@umbra/core'
import type { Clock, Namespace, StoredBlob } from '@umbra/core'
import { mapConcurrently } from '../migration/map-concurrently.ts'
import { recordKey } from './copy-backlog.ts'
import type { CopyBacklog } from './copy-backlog.ts'
import { copyAgain } from './copy-again.ts'
import type { HybridParts } from './hybrid-parts.ts'

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
/** After this time no commit is still on its way: what the primary has of a batch then is all that is owed. */
const MAX_COMMIT_MS = 60 * 60 * 1_000
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
      if (await unlessImpossible(settle(batch))) await change((all) => all.delete(name))
      else left++
    }
    lookAt = clock.now() + (left === 0 ? NOTHING_OWED_MS : LOOK_AGAIN_MS)
  }

  /** Whether nothing is owed of it any more. */
  async function settle({ namespace, ids, at }: OwedBatch): Promise<boolean> {
    if (clock.now() - at <= MAX_COMMIT_MS && !(await isCommitted(namespace, ids))) return false
    const copied = await mapConcurrently(ids, PARALLEL_COPIES, (id) =>
      unlessImpossible(ensureCopied(namespace, id)),
    )
    return !copied.includes(false)
  }

  async function ensureCopied(namespace: Namespace, id: string): Promise<true> {
    if (isClosed) throw new Error('closed')
    await copyAgain(parts, namespace, id)
    backlog.remove([recordKey(namespace, id)])
    return true
  }

  /**
   * All of a batch is committed, or none. That some of its ids were deleted proves nothing: it may have been before, and the batch is
   * still being committed.
   */
  async function isCommitted(namespace: Namespace, ids: readonly string[]): Promise<boolean> {
    const some = [...new Set([ids.at(0), ids.at(-1)])].filter((id) => id !== undefined)
    const found = await Promise.all(some.map((id) => primary.getEntry(namespace, id)))
    return found.some((stored) => stored !== undefined)
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

/** False for what no later try would do either, such as copying a damaged body: it is not in the way of the others. */
async function unlessImpossible(work: Promise<boolean>): Promise<boolean> {
  try {
    return await work
  } catch (error) {
    if (isUmbraError(error) && !error.retryable) return false
    throw error
  }
}

function parse(stored: StoredBlob | undefined): Map<string, OwedBatch> {
  // Only `change` writes to this path.
  return new Map(
    stored && (JSON.parse(new TextDecoder().decode(stored.bytes)) as (readonly [string, OwedBatch])[]),
  )
}
