import { hasErrorCode, isUmbraError, UmbraError } from '@umbra/core'
import type { Namespace, NumberedOutcome, NumberedRequest, StorageBackend } from '@umbra/core'
import type { ViolatedProperty } from '@umbra/core/testing'
import type { Outbox } from '@umbra/sqlite'
import type { OutboxSeams } from './open-simulated-outbox.fixture.ts'
import type { OutboxSimulation } from './outbox-simulation.fixture.ts'
import { poisoned } from './poisoned-store.fixture.ts'

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

/** What is not sent by then never is; an hour of trying takes too many steps. */
const SOON_MS = 120_000

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
    setting: {
      sharesFile: true,
      // Of two that are on their way the store takes one; other changes of one version the queue itself refuses.
      kinds: ['create'],
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
  {
    name: 'sends what was queued later first',
    seams: { outbox: withPairsSwapped },
    setting: { kinds: ['create'], tasks: ['wait'] },
    properties: ['out-of-order'],
  },
  {
    name: 'sends nothing before there are two to send together',
    seams: { primary: waitingForCompany },
    setting: { tasks: ['wait'], drainMs: SOON_MS },
    properties: ['never-ended'],
  },
  {
    name: 'tries what can never be stored again and again, before everything behind it',
    seams: { primary: (store) => takingPoisonForOutage(poisoned(store)) },
    setting: { tasks: ['wait'], drainMs: SOON_MS },
    properties: ['never-ended'],
  },
  {
    name: 'drops what can never be stored without listing it',
    seams: { primary: (store) => droppingPoison(poisoned(store)) },
    setting: { tasks: ['wait'] },
    properties: ['acknowledged-yet-absent'],
  },
  {
    name: 'gives up what is sent with credentials that are refused for a while',
    seams: { primary: withoutPausing },
    seed: 3,
    setting: { tasks: ['wait'] },
    properties: ['defect'],
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

/** Numbers follow the order of sending, as they do in any engine: only the order of queueing is not kept. */
function withPairsSwapped(outbox: Outbox): Outbox {
  return {
    ...outbox,
    waiting: (...about) => {
      const operations = outbox.waiting(...about)
      return operations.map((operation, index) => {
        const other = operations[operation.n % 2 === 1 ? index + 1 : index - 1]
        return other === undefined ? operation : { ...other, n: operation.n }
      })
    },
  }
}

function waitingForCompany(primary: StorageBackend): StorageBackend {
  return sendingWith(primary, async (namespace, request) => {
    if (request.operations.length === 1) throw new UmbraError('UNAVAILABLE', 'it waits for another one')
    return numberedOf(primary).commitNumbered(namespace, request)
  })
}

function takingPoisonForOutage(primary: StorageBackend): StorageBackend {
  return sendingWith(primary, async (...about) => {
    try {
      return await numberedOf(primary).commitNumbered(...about)
    } catch (error) {
      if (!hasErrorCode(error, 'TOO_LARGE')) throw error
      throw new UmbraError('UNAVAILABLE', 'it is tried again', { cause: error })
    }
  })
}

function droppingPoison(primary: StorageBackend): StorageBackend {
  return sendingWith(primary, async (namespace, request) => {
    try {
      return await numberedOf(primary).commitNumbered(namespace, request)
    } catch (error) {
      if (!hasErrorCode(error, 'TOO_LARGE') || request.operations.length > 1) throw error
      return allCommitted(namespace, request)
    }
  })
}

function withoutPausing(primary: StorageBackend): StorageBackend {
  return sendingWith(primary, async (...about) => {
    try {
      return await numberedOf(primary).commitNumbered(...about)
    } catch (error) {
      if (!hasErrorCode(error, 'UNAUTHENTICATED', 'FORBIDDEN')) throw error
      throw new UmbraError('INVALID_INPUT', 'it is not tried again', { cause: error })
    }
  })
}
