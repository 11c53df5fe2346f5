import { createHash } from 'node:crypto'
import { committedEntry, nextRevision, tombstone } from '../backend/apply-mutation.ts'
import type { StoredObject } from '../backend/apply-mutation.ts'
import { checkExpectation } from '../backend/check-expectation.ts'
import { mutationId } from '../backend/mutation.ts'
import type { Mutation } from '../backend/mutation.ts'
import { UmbraError } from '../errors/umbra-error.ts'
import type { ManifestEntry } from '../records/manifest-entry.ts'
import type { Namespace } from '../records/namespace.ts'
import { addSums, EMPTY_SUM, entryDigest, subtractSums } from './live-sum.ts'
import { toManifestLine } from './manifest-head.ts'
import type { ManifestHead, ManifestLine, Watermark } from './manifest-head.ts'
import { retainWatermarks } from './retain-watermarks.ts'

/** The body of a revision, already stored: which revision it was stored as, and where. */
export interface UploadedRevision extends StoredObject {
  readonly rev: number
}

/** What one call asked for: all of it happens, or none. */
export interface ManifestOperation {
  /** Unique; part of the writer's rolling hash. */
  readonly opId: string
  readonly mutations: readonly Mutation[]
  /** For each put its uploaded body, for each deletion undefined. */
  readonly uploads: readonly (UploadedRevision | undefined)[]
}

export type OperationOutcome =
  | { readonly kind: 'applied'; readonly entries: readonly ManifestEntry[] }
  /** Its expectation does not hold against the version the plan is based on. */
  | { readonly kind: 'rejected'; readonly error: UmbraError }
  /** The id's revision number moved on since the upload: these places need their body stored as another revision. */
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
}

/** A version of the manifest and the ETag of the object that holds it. */
export interface BaseVersion {
  readonly head: ManifestHead
  readonly etag: string
}

/**
 * The next version of a manifest: every operation checked against what the ones before it leave behind, applied or set
 * aside whole. Pure: nothing has happened until the version is stored over exactly the base it was planned on.
 */
export function planCommit(
  base: BaseVersion | undefined,
  operations: readonly ManifestOperation[],
  context: CommitContext,
): CommitPlan {
  const draft = new HeadDraft(base, context)
  const outcomes = operations.map((operation) => draft.apply(operation))
  return { next: draft.finish(), outcomes }
}

class HeadDraft {
  readonly #base: BaseVersion | undefined
  readonly #context: CommitContext
  readonly #lines: Map<string, ManifestLine>
  #live: number
  #sum: string
  #watermark: Watermark | undefined
  #applied = false

  constructor(base: BaseVersion | undefined, context: CommitContext) {
    this.#base = base
    this.#context = context
    this.#lines = new Map(base?.head.lines)
    this.#live = base?.head.header.live ?? 0
    this.#sum = base?.head.header.sum ?? EMPTY_SUM
    this.#watermark = base?.head.header.w[context.writer]
  }

  apply(operation: ManifestOperation): OperationOutcome {
    const obstacle = this.#findObstacle(operation)
    if (obstacle !== undefined) return obstacle
    const entries = operation.mutations.map((mutation, index) =>
      this.#put(mutation, operation.uploads[index]),
    )
    const { n = 0, h = '' } = this.#watermark ?? {}
    this.#watermark = { n: n + 1, h: rollHash(h, operation.opId), at: this.#context.at }
    this.#applied = true
    return { kind: 'applied', entries }
  }

  finish(): ManifestHead | undefined {
    if (!this.#applied || this.#watermark === undefined) return undefined
    const { namespace, writer, at, commit } = this.#context
    const before = this.#base?.head.header
    const w = retainWatermarks({ ...before?.w, [writer]: this.#watermark }, at)
    return {
      header: {
        _: 'head',
        v: 1,
        module: namespace.module,
        user_id: namespace.userId,
        // A manifest of the original system has none yet.
        epoch: before?.epoch || commit,
        seq: (before?.seq ?? 0) + 1,
        commit,
        prev: this.#base === undefined ? null : { seq: this.#base.head.header.seq, etag: this.#base.etag },
        at,
        live: this.#live,
        sum: this.#sum,
        floor: before?.floor ?? null,
        w,
      },
      lines: this.#lines,
    }
  }

  #findObstacle({ mutations, uploads }: ManifestOperation): OperationOutcome | undefined {
    const places: { index: number; rev: number }[] = []
    for (const [index, mutation] of mutations.entries()) {
      const current = this.#lines.get(mutationId(mutation))?.entry
      const error = checkExpectation(mutation, current, index)
      if (error !== undefined) return { kind: 'rejected', error }
      const rev = mutation.kind === 'put' ? nextRevision(current, mutation.rev) : undefined
      if (rev !== undefined && uploads[index]?.rev !== rev) places.push({ index, rev })
    }
    return places.length === 0 ? undefined : { kind: 'outdated', places }
  }

  #put(mutation: Mutation, upload: UploadedRevision | undefined): ManifestEntry {
    const current = this.#lines.get(mutationId(mutation))?.entry
    const entry = nextEntry(mutation, current, upload)
    if (current?.op === 'put') {
      this.#live--
      this.#sum = subtractSums(this.#sum, entryDigest(current))
    }
    if (entry.op === 'put') {
      this.#live++
      this.#sum = addSums(this.#sum, entryDigest(entry))
    }
    // Delete first: a changed entry moves to the end, newest last.
    this.#lines.delete(entry.id)
    this.#lines.set(entry.id, toManifestLine(entry))
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

/** h(n) = first 16 hex digits of SHA-256(h(n-1) opId). */
function rollHash(before: string, opId: string): string {
  return createHash('sha256').update(before).update(opId).digest('hex').slice(0, 16)
}
