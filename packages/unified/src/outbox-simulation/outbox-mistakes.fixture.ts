import { hasErrorCode, isUmbraError } from '@umbra/core'
import type { Namespace, NumberedOutcome, NumberedRequest, StorageBackend, UmbraError } from '@umbra/core'
import type { ViolatedProperty } from '@umbra/core/testing'
import type { Outbox } from '@umbra/sqlite'
import type { OutboxSeams } from './open-simulated-outbox.fixture.ts'
import type { OutboxSimulation } from './outbox-simulation.fixture.ts'

/** What an outbox could do wrong, and what the check must then say. */
export interface OutboxMistake {
  readonly name: string
  readonly seams: OutboxSeams
  readonly setting?: OutboxSimulation
  /** One that finds it early. Default: 1. */
  readonly seed?: number
  /** Which of them is seen first depends on the schedule. */
  readonly properties: readonly ViolatedProperty[]
}

export const OUTBOX_MISTAKES: readonly OutboxMistake[] = [
  {
    name: 'sends again without asking the watermark',
    seams: { primary: withoutWatermark },
    properties: ['rejected-yet-applied', 'applied-twice'],
  },
  {
    name: 'counts an outcome that nobody knows as committed, and forgets the operation',
    seams: { primary: withoutWaiting },
    properties: ['acknowledged-yet-absent', 'defect', 'lost-update'],
  },
  {
    name: 'falls back on a second row instead of the same one',
    seams: { outbox: withSecondRow },
    // The queue itself refuses a second row of anything else.
    setting: { freshIds: true },
    properties: ['rejected-yet-applied', 'applied-twice'],
  },
  {
    name: 'sends a group before the outcome of the one before it is recorded',
    seams: { primary: withoutReturningFirst },
    seed: 2,
    setting: {
      sharesFile: true,
      kinds: ['create', 'update', 'update'],
      tasks: ['wait'],
      plans: { maxOperations: 14, maxProcesses: 3 },
    },
    properties: ['rejected-yet-applied', 'acknowledged-yet-absent'],
  },
  {
    name: 'takes the operations of a copied file for its own',
    seams: { primary: withoutNoticingCopies },
    setting: { freshIds: true, tasks: ['wait', 'clone'] },
    properties: ['acknowledged-yet-absent'],
  },
]

function sendingWith(
  primary: StorageBackend,
  commitNumbered: NonNullable<StorageBackend['numbered']>['commitNumbered'],
): StorageBackend {
  return { ...primary, numbered: { commitNumbered } }
}

function isRefusal(error: unknown): error is UmbraError {
  return isUmbraError(error) && hasErrorCode(error, 'PRECONDITION_FAILED', 'NOT_FOUND', 'ALREADY_EXISTS')
}

function withoutWatermark(primary: StorageBackend): StorageBackend {
  return sendingWith(primary, async (namespace, { operations }) => {
    const outcomes: NumberedOutcome[] = []
    for (const { mutations } of operations) {
      try {
        const stored = await primary.commit(namespace, mutations)
        outcomes.push({ kind: 'committed', entries: stored.map(({ entry }) => entry) })
      } catch (error) {
        if (!isRefusal(error)) throw error
        outcomes.push({ kind: 'rejected', error })
      }
    }
    return { outcomes, mark: undefined }
  })
}

function withoutWaiting(primary: StorageBackend): StorageBackend {
  return sendingWith(primary, async (...about) => {
    try {
      return await numberedOf(primary).commitNumbered(...about)
    } catch (error) {
      if (!hasErrorCode(error, 'UNAVAILABLE', 'TIMEOUT', 'OUTCOME_PENDING')) throw error
      return allCommitted(...about)
    }
  })
}

function withoutNoticingCopies(primary: StorageBackend): StorageBackend {
  return sendingWith(primary, async (...about) => {
    try {
      return await numberedOf(primary).commitNumbered(...about)
    } catch (error) {
      if (!isUmbraError(error) || error.details['reason'] !== 'writer-cloned') throw error
      return allCommitted(...about)
    }
  })
}

function numberedOf({ numbered }: StorageBackend): NonNullable<StorageBackend['numbered']> {
  if (numbered === undefined) throw new Error('the engine numbers commits')
  return numbered
}

function allCommitted(_namespace: Namespace, { operations, mark }: NumberedRequest) {
  const outcomes = operations.map((): NumberedOutcome => ({ kind: 'committed', entries: undefined }))
  return { outcomes, mark }
}

function withSecondRow(outbox: Outbox): Outbox {
  const rows = new Map<number, Parameters<Outbox['append']>>()
  return {
    ...outbox,
    append: async (...about) => {
      const appended = await outbox.append(...about)
      rows.set(appended.pk, about)
      return appended
    },
    markPending: async (pks) => {
      const marked = await outbox.markPending(pks)
      for (const pk of marked) {
        const row = rows.get(pk)
        if (row !== undefined) await outbox.append(row[0], row[1], 'pending')
      }
      return marked
    },
  }
}

/** What an earlier call decided is returned together with what is sent then, which makes the store forget what it refused. */
function withoutReturningFirst(primary: StorageBackend): StorageBackend {
  return sendingWith(primary, async (namespace, request) => {
    const numbered = numberedOf(primary)
    const { outcomes, mark } = await numbered.commitNumbered(namespace, request)
    const operations = request.operations.slice(outcomes.length)
    if (operations.length === 0) return { outcomes, mark }
    const rest = await numbered.commitNumbered(namespace, { ...request, mark, operations })
    return { outcomes: [...outcomes, ...rest.outcomes], mark: rest.mark }
  })
}
