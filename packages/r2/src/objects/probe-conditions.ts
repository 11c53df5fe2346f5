import { randomUUID } from 'node:crypto'
import { hasErrorCode, isUmbraError, UmbraError, withRetry } from '@umbra/core'
import type { ObjectStore, PutOptions, RetryContext } from '@umbra/core'

/** What was seen of a store's conditional writes. Only when all hold may several processes write to one bucket. */
export interface ConditionReport {
  /** `If-None-Match: *` refuses an existing object. */
  readonly createOnly: boolean
  /** `If-Match` accepts the current version and refuses any other. */
  readonly compareAndSwap: boolean
  /** `If-Match` refuses when there is no object. */
  readonly missingKey: boolean
  /** Of concurrent writers with the same `If-Match` exactly one succeeds. */
  readonly oneWinner: boolean
}

/** Enough to overlap on any server that does not serialise them, few enough to be cheap. */
const RACERS = 8

/** No object has it: ETags of single uploads are MD5 sums, and nobody knows a text with this one. */
const FOREIGN_ETAG = '00000000000000000000000000000000'

/** `limited` may be neither: the store did not look at the condition. */
type WriteOutcome = 'applied' | 'refused' | 'unsupported' | 'limited'

interface WriteResult {
  readonly outcome: WriteOutcome
  readonly etag: string
}

interface Probe {
  readonly store: ObjectStore
  readonly retry: RetryContext
}

/**
 * Asks a store to prove that it honours conditional writes: some S3-compatible stores ignore the conditions, others
 * do not implement them. Writes below `folder`, which must be for this probe alone, and removes what it wrote.
 * Rejects when the store could not be asked, and when an answer was lost: then nothing is proved, because the write may have
 * used up its condition; probe again in another folder. A store that limits writes per key is asked again as `retry` says.
 */
export async function probeConditions(
  store: ObjectStore,
  folder: string,
  retry: RetryContext,
): Promise<ConditionReport> {
  const probe: Probe = {
    store,
    retry: { ...retry, shouldRetry: (error) => hasErrorCode(error, 'RATE_LIMITED') },
  }
  const keys = {
    create: `${folder}/create`,
    swap: `${folder}/swap`,
    missing: `${folder}/missing`,
    race: `${folder}/race`,
  }
  const checks = [
    refusesSecondCreation(probe, keys.create),
    swapsOnlyTheCurrent(probe, keys.swap),
    refusesMissing(probe, keys.missing),
    hasOneWinner(probe, keys.race),
  ] as const
  try {
    const [createOnly, compareAndSwap, missingKey, oneWinner] = await all(checks)
    return { createOnly, compareAndSwap, missingKey, oneWinner }
  } finally {
    // Best effort: what a probe leaves behind harms nobody, and its own failure is the one to report.
    await Promise.allSettled(Object.values(keys).map((key) => store.delete(key)))
  }
}

/** As `Promise.all`, but nothing is on its way any more when it ends; of several failures one that would stay is reported. */
async function all<const T extends readonly Promise<unknown>[]>(
  calls: T,
): Promise<{ -readonly [Index in keyof T]: Awaited<T[Index]> }> {
  const results = await Promise.allSettled(calls)
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result] : []))
  const lasting = failures.find(({ reason }) => !isUmbraError(reason) || !reason.retryable)
  const failure = lasting ?? failures[0]
  if (failure !== undefined) throw failure.reason
  return Promise.all(calls)
}

async function refusesSecondCreation(probe: Probe, key: string): Promise<boolean> {
  const first = await patientWrite(probe, key, { ifNoneMatch: '*' })
  const second = await patientWrite(probe, key, { ifNoneMatch: '*' })
  return first.outcome === 'applied' && second.outcome === 'refused'
}

async function swapsOnlyTheCurrent(probe: Probe, key: string): Promise<boolean> {
  const first = await patientWrite(probe, key, {})
  const foreign = await patientWrite(probe, key, { ifMatch: FOREIGN_ETAG })
  const current = await patientWrite(probe, key, { ifMatch: first.etag })
  const stale = await patientWrite(probe, key, { ifMatch: first.etag })
  return foreign.outcome === 'refused' && current.outcome === 'applied' && stale.outcome === 'refused'
}

async function refusesMissing(probe: Probe, key: string): Promise<boolean> {
  return (await patientWrite(probe, key, { ifMatch: FOREIGN_ETAG })).outcome === 'refused'
}

async function hasOneWinner(probe: Probe, key: string): Promise<boolean> {
  const { etag } = await patientWrite(probe, key, {})
  return withRetry(async () => {
    const results = await all(
      Array.from({ length: RACERS }, () => write(probe.store, key, { ifMatch: etag })),
    )
    const [winner, ...others] = results.filter((result) => result.outcome === 'applied')
    if (winner === undefined && results.some((result) => result.outcome === 'limited')) throw limited(key)
    if (others.length > 0) return false
    // Who was refused may have won: with another copy of its request, whose answer is lost.
    const current = await probe.store.head(key)
    if (winner !== undefined) return current?.etag === winner.etag
    if (current?.etag !== etag) throw answerLost(key)
    return false
  }, probe.retry)
}

async function patientWrite(probe: Probe, key: string, condition: PutOptions): Promise<WriteResult> {
  return withRetry(async () => {
    const result = await write(probe.store, key, condition)
    if (result.outcome === 'limited') throw limited(key)
    return result
  }, probe.retry)
}

/** The body is new every time, so that no two versions share an ETag. */
async function write(store: ObjectStore, key: string, condition: PutOptions): Promise<WriteResult> {
  try {
    const { etag } = await store.put(key, new TextEncoder().encode(randomUUID()), condition)
    return { outcome: 'applied', etag }
  } catch (error) {
    if (hasErrorCode(error, 'PRECONDITION_FAILED', 'CONFLICT')) return { outcome: 'refused', etag: '' }
    if (hasErrorCode(error, 'UNSUPPORTED')) return { outcome: 'unsupported', etag: '' }
    if (hasErrorCode(error, 'RATE_LIMITED')) return { outcome: 'limited', etag: '' }
    throw error
  }
}

function answerLost(key: string): UmbraError {
  return new UmbraError(
    'UNAVAILABLE',
    `the answer to a write of the probe was lost, which proves nothing; probe again. key=${key}`,
  )
}

function limited(key: string): UmbraError {
  return new UmbraError(
    'RATE_LIMITED',
    `the store limits writes too tightly to be probed; try later. key=${key}`,
  )
}
