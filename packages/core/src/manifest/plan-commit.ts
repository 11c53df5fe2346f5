import { committedEntry, nextRevision, tombstone } from '../backend/apply-mutation.ts'
import type { StoredObject } from '../backend/apply-mutation.ts'
import { checkExpectation } from '../backend/check-expectation.ts'
import { mutationId } from '../backend/mutation.ts'
import type { Mutation } from '../backend/mutation.ts'
import { UmbraError } from '../errors/umbra-error.ts'
import type { ManifestEntry } from '../records/manifest-entry.ts'
import type { Namespace } from '../records/namespace.ts'
import { appendRun, findAppendObstacle } from './appended-run.ts'
import type { AppendedRun } from './appended-run.ts'
import { addSums, EMPTY_SUM, entryDigest, subtractSums } from './live-sum.ts'
import { toManifestLine } from './manifest-head.ts'
import type { ManifestHead, ManifestLine, Watermark } from './manifest-head.ts'
import { retainWatermarks } from './retain-watermarks.ts'
import { rollHash } from './rolling-hash.ts'
import { isFreshUpload } from './upload-freshness.ts'

/** The body of a revision, already stored: which revision it was stored as, and where. */
export interface UploadedRevision extends StoredObject {
  readonly rev: number
  /** When the body was stored: ISO 8601, UTC. */
  readonly uploadedAt: string
}

/** What one call asked for: all of it happens, or none. */
export interface ManifestOperation {
  /** Unique; part of the writer's rolling hash. */
  readonly opId: string
  /** Its number when the writer keeps its own count, which may have gaps but never goes back; default one more than the last. */
  readonly n?: number
  readonly mutations: readonly Mutation[]
  /** For each put its uploaded body, for each deletion undefined. */
  readonly uploads: readonly (UploadedRevision | undefined)[]
  /** Records that are in a run already. Such an operation has no mutations and is planned alone, over a sealed tail. */
  readonly append?: AppendedRun
}

export type OperationOutcome =
  | { readonly kind: 'applied'; readonly entries: readonly ManifestEntry[] }
  /** Its expectation does not hold against the version the plan is based on. */
  | { readonly kind: 'rejected'; readonly error: UmbraError }
  /** The id's revision number moved on since the upload, or the upload is too old: these places need their body stored again. */
  | {
      readonly kind: 'outdated'
      readonly places: readonly { readonly index: number; readonly rev: number }[]
    }

export interface CommitPlan {
  /** The version to write; undefined when no operation can be applied. */
  readonly next: ManifestHead | undefined
  /** In the order of the operations. */
  readonly outcomes: readonly OperationOutcome[]
}

export interface CommitContext {
  readonly namespace: Namespace
  readonly writer: string
  /** ISO 8601, UTC. */
  readonly at: string
  /** A fresh ULID for this attempted body; the epoch of a new namespace too. */
  readonly commit: string
  /** Raises the floor to this: ISO 8601, UTC. */
  readonly floor?: string
  /** How far clocks may lie apart, milliseconds. Default: 15 minutes. */
  readonly clockSkewMs?: number
  /** Writers whose watermarks the head keeps. Default: 64. */
  readonly maxWriters?: number
  /** The writer has stored the anchor. */
  readonly anchored?: boolean
}

/** A version of the manifest and the ETag of the object that holds it. */
export interface BaseVersion {
  readonly head: ManifestHead
  readonly etag: string
}

/**
 * The next version of a manifest: every operation checked against what the ones before it leave behind, applied or set
 * aside whole. Pure: nothing has happened until the version is stored over exactly the base it was planned on.
 *
 * @param current - what the base says of every id the operations name, tombstones included
 */
export function planCommit(
  base: BaseVersion | undefined,
  current: ReadonlyMap<string, ManifestEntry>,
  request: { readonly operations: readonly ManifestOperation[]; readonly context: CommitContext },
): CommitPlan {
  const draft = new HeadDraft(base, current, request.context)
  const outcomes = request.operations.map((operation) => draft.apply(operation))
  return { next: draft.finish(), outcomes }
}

class HeadDraft {
  readonly #base: BaseVersion | undefined
  readonly #context: CommitContext
  readonly #current: Map<string, ManifestEntry>
  readonly #added: ManifestLine[] = []
  readonly #skipped: number[] = []
  #live: number
  #sum: string
  #watermark: Omit<Watermark, 'seq' | 'at'>
  #appended: AppendedRun | undefined
  #applied = false

  constructor(
    base: BaseVersion | undefined,
    current: ReadonlyMap<string, ManifestEntry>,
    context: CommitContext,
  ) {
    this.#base = base
    this.#context = context
    this.#current = new Map(current)
    this.#live = base?.head.header.live ?? 0
    this.#sum = base?.head.header.sum ?? EMPTY_SUM
    this.#watermark = base?.head.header.w[context.writer] ?? { n: 0, h: '' }
  }

  apply(operation: ManifestOperation): OperationOutcome {
    const obstacle = this.#findObstacle(operation)
    if (obstacle !== undefined) {
      if (obstacle.kind === 'rejected' && operation.n !== undefined) {
        this.#count(operation)
        this.#skipped.push(operation.n)
      }
      return obstacle
    }
    const entries = operation.mutations.map((mutation, index) =>
      this.#put(mutation, operation.uploads[index]),
    )
    this.#count(operation)
    this.#appended = operation.append
    this.#applied = true
    return { kind: 'applied', entries }
  }

  finish(): ManifestHead | undefined {
    if (!this.#applied) return undefined
    const { namespace, writer, at, commit, floor, maxWriters, anchored = false } = this.#context
    const before = this.#base?.head.header
    const seq = (before?.seq ?? 0) + 1
    const { n, h } = this.#watermark
    const watermark = { n, h, seq, at, ...(this.#skipped.length > 0 && { skip: this.#skipped }) }
    const next: ManifestHead = {
      header: {
        _: 'head',
        v: 1,
        module: namespace.module,
        user_id: namespace.userId,
        // A manifest of the original system has none yet.
        epoch: before?.epoch || commit,
        seq,
        commit,
        prev: this.#base === undefined ? null : { seq: this.#base.head.header.seq, etag: this.#base.etag },
        at,
        live: this.#live,
        sum: this.#sum,
        floor: latest(before?.floor, floor),
        anchored: anchored || (before?.anchored ?? false),
        ...retainWatermarks({ ...before?.w, [writer]: watermark }, before?.forgotten ?? 0, maxWriters),
      },
      parts: this.#base?.head.parts ?? [],
      garbage: this.#base?.head.garbage,
      tail: [...(this.#base?.head.tail ?? []), ...this.#added],
    }
    return this.#appended === undefined ? next : appendRun(next, this.#appended, seq)
  }

  #count({ n = this.#watermark.n + 1, opId }: ManifestOperation): void {
    this.#watermark = { n, h: rollHash(this.#watermark.h, opId) }
  }

  #findObstacle({ mutations, uploads, append }: ManifestOperation): OperationOutcome | undefined {
    const floor = this.#base?.head.header.floor ?? null
    if (append !== undefined) {
      const { clockSkewMs } = this.#context
      const error = findAppendObstacle(append, this.#current, { floor, clockSkewMs })
      return error && { kind: 'rejected', error }
    }
    const places: { index: number; rev: number }[] = []
    for (const [index, mutation] of mutations.entries()) {
      const current = this.#current.get(mutationId(mutation))
      const error = checkExpectation(mutation, current, index)
      if (error !== undefined) return { kind: 'rejected', error }
      if (mutation.kind === 'delete') continue
      const rev = nextRevision(current, mutation.rev)
      const upload = uploads[index]
      if (upload?.rev !== rev || !isFreshUpload(upload.uploadedAt, floor, this.#context.clockSkewMs))
        places.push({ index, rev })
    }
    return places.length === 0 ? undefined : { kind: 'outdated', places }
  }

  #put(mutation: Mutation, upload: UploadedRevision | undefined): ManifestEntry {
    const current = this.#current.get(mutationId(mutation))
    const entry = nextEntry(mutation, current, upload)
    if (current?.op === 'put') {
      this.#live--
      this.#sum = subtractSums(this.#sum, entryDigest(current))
    }
    if (entry.op === 'put') {
      this.#live++
      this.#sum = addSums(this.#sum, entryDigest(entry))
    }
    this.#current.set(entry.id, entry)
    this.#added.push(toManifestLine(entry))
    return entry
  }
}

function nextEntry(
  mutation: Mutation,
  current: ManifestEntry | undefined,
  upload: UploadedRevision | undefined,
): ManifestEntry {
  if (mutation.kind === 'put' && upload !== undefined)
    return committedEntry(mutation.draft, upload.rev, upload)
  if (mutation.kind === 'delete' && current !== undefined) return tombstone(mutation, current)
  throw new UmbraError('INTERNAL', 'an operation was applied without its checks')
}

function latest(before: string | null | undefined, floor: string | undefined): string | null {
  if (floor === undefined) return before ?? null
  return before === null || before === undefined || before < floor ? floor : before
}
