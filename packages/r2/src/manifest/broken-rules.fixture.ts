import { applySwap, hasErrorCode, isUmbraError, parseHead, UmbraError } from '@umbra/core'
import type { IdSource, ObjectStore } from '@umbra/core'
import { anchorKey } from './anchor.ts'
import { decideOutcome } from './decide-outcome.ts'
import { mayDropTombstones } from './may-drop-tombstones.ts'
import type { ProtocolRules } from './protocol-rules.ts'
import type { RunFormat } from './run-format.ts'
import { HEAD, NAMESPACE } from './simulated-manifest.fixture.ts'

const ANCHOR = anchorKey(NAMESPACE)
const ONE_ULID = '01AAAAAAAAAAAAAAAAAAAAAAAA'

type Rule<Name extends keyof ProtocolRules> = ProtocolRules[Name]

/**
 * Takes a lost race for a lost write, and plans anew. A process whose write landed, and whose answer was lost before somebody
 * else committed on top, does not find the version it started from, and tells the application that another was faster.
 */
export const blindRebase: Rule<'decideOutcome'> = ({ base }, seen) =>
  seen === undefined || seen.etag === base?.etag ? 'open' : 'superseded'

/**
 * Looks for the id of its own version in the head, as object stores' clients do that keep it in the metadata. Once somebody
 * else has committed on top, the id is gone, and what landed is taken for lost.
 */
export const ownVersionOnly: Rule<'decideOutcome'> = ({ base, next }, seen) => {
  if (seen === undefined || seen.etag === base?.etag) return 'open'
  return seen.head.header.commit === next.header.commit ? 'landed' : 'superseded'
}

/**
 * Takes an unchanged head for proof that another was faster, and plans anew, while a copy of the refused request is on its
 * way. It lands before the newer head is read, and the application is told that its own record is in its way.
 */
export const unchangedMeansSuperseded: Rule<'decideOutcome'> = (attempt, seen) => {
  const outcome = decideOutcome(attempt, seen)
  return outcome === 'open' ? 'superseded' : outcome
}

/**
 * Takes an unchanged head for proof that a write has failed, and tells the application so: the request is on its way and
 * lands later.
 */
export function unchangedMeansFailed(error: unknown): unknown {
  return hasErrorCode(error, 'OUTCOME_PENDING') ? new UmbraError('UNAVAILABLE', 'it is not there') : error
}

/** Compares the numbers of operations and not which ones they were: a process that was copied takes its twin's for its own. */
export const countedOnly: Rule<'decideOutcome'> = (attempt, seen) => {
  const { base, next, writer } = attempt
  const mine = next.header.w[writer]
  const theirs = seen?.head.header.w[writer]
  const isOpen = seen === undefined || seen.etag === base?.etag
  return !isOpen && mine !== undefined && theirs?.n === mine.n ? 'landed' : decideOutcome(attempt, seen)
}

/** Takes a watermark that is not there for one that never was, though the head keeps only so many. */
export const forgottenMeansLost: Rule<'decideOutcome'> = (attempt, seen) => {
  const isOpen = seen === undefined || seen.etag === attempt.base?.etag
  return !isOpen && seen.head.header.w[attempt.writer] === undefined
    ? 'superseded'
    : decideOutcome(attempt, seen)
}

/** Takes a refusal for proof. The network has doubled the request: one copy lands, the other is refused. */
export const refusalIsProof: Rule<'mayHaveLanded'> = (error) =>
  !isUmbraError(error) || error.details['outcome'] !== 'not-applied'

/** Collects by age alone. A writer that stalls between its upload and its commit refers to what was deleted meanwhile. */
export const ageOnly: Rule<'raiseFloor'> = async () => {}

/**
 * Moves as many lines out of the tail as were sealed, whichever they are now: another process has sealed them already, and
 * its own segment takes newer ones with it.
 */
export const blindSeal: Rule<'applySwap'> = (head, swap) =>
  swap.kind === 'seal'
    ? { ...head, parts: [...head.parts, swap.part], tail: head.tail.slice(swap.lines.length) }
    : applySwap(head, swap)

/** Puts a merged run where its first input was and takes away as many parts, though another process has merged them already. */
export const blindMerge: Rule<'applySwap'> = (head, swap) => {
  if (swap.kind === 'seal') return applySwap(head, swap)
  const { inputs, output, garbage } = swap
  const first = head.parts.findIndex(({ key }) => key === inputs[0]?.key)
  const parts = head.parts.toSpliced(
    Math.max(0, first),
    inputs.length,
    ...(output === undefined ? [] : [output]),
  )
  return { ...head, parts, garbage }
}

/** Does not look whether there is an older part, which the tombstone hides a record of. */
export const tombstonesAnywhere: Rule<'mayDropTombstones'> = (_head, _inputs, keptSince) => keptSince

/** Does not wait: a record that is deleted and created again with the same content has the etag it had before. */
export const tombstonesAtOnce: Rule<'mayDropTombstones'> = (head, inputs) =>
  mayDropTombstones(head, inputs, '') === undefined ? undefined : '9999-12-31T23:59:59.999Z'

/** Refers to whatever a merge has made. */
export const uncounted: Rule<'isConserved'> = () => true

/** A merge that forgets its newest part. */
export function losesNewestPart(runs: RunFormat): RunFormat {
  return { ...runs, merge: (parts, options) => runs.merge(parts.slice(0, -1), options) }
}

/** A merge that keeps the oldest entry of each id instead of the newest: as many as there should be, but the wrong ones. */
export function keepsOldest(runs: RunFormat): RunFormat {
  return { ...runs, merge: (parts, options) => runs.merge(parts.toReversed(), options) }
}

/** Nobody leaves a mark that there was a head. */
export function withoutAnchor(objects: ObjectStore): ObjectStore {
  return {
    ...objects,
    put: async (key, ...rest) => (key === ANCHOR ? { etag: 'none' } : objects.put(key, ...rest)),
    head: async (key) => (key === ANCHOR ? undefined : objects.head(key)),
  }
}

/**
 * The object under the head's key holds the contents of the records and nothing else; what else a head says goes beside it,
 * into the metadata. Then what was there before is there again, with the ETag it had, once a record is created and deleted.
 */
export function contentOnly(objects: ObjectStore): ObjectStore {
  return {
    ...objects,
    async put(key, body, options) {
      if (key !== HEAD || !(body instanceof Uint8Array)) return objects.put(key, body, options)
      const metadata = { ...options?.metadata, head: Buffer.from(body).toString('base64') }
      return objects.put(key, contentsOf(body), { ...options, metadata })
    },
    async get(key, options) {
      const found = await objects.get(key, options)
      if (key !== HEAD || found?.kind !== 'found') return found
      return { ...found, bytes: async () => hiddenHead(found) }
    },
  }
}

/** The head that {@link contentOnly} has put beside an object. */
export function hiddenHead({
  metadata,
}: {
  readonly metadata: Readonly<Record<string, string>>
}): Uint8Array {
  return Buffer.from(metadata['head'] ?? '', 'base64')
}

function contentsOf(head: Uint8Array): Uint8Array {
  const newest = new Map(parseHead(head, NAMESPACE).tail.map(({ entry }) => [entry.id, entry]))
  const contents = [...newest.values()].flatMap(({ op, id, text }) => (op === 'put' ? [`${id} ${text}`] : []))
  return new TextEncoder().encode(contents.sort().join('\n'))
}

/** A process that was copied while it ran: in each life, and in each other process, its committer has the same name. */
export function copiedProcess(ids: IdSource): IdSource {
  let isNamed = false
  return {
    random: ids.random,
    next: (atMs) => {
      if (isNamed) return ids.next(atMs)
      isNamed = true
      return ONE_ULID
    },
  }
}
