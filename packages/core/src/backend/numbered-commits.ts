import type { UmbraError } from '../errors/umbra-error.ts'
import type { ManifestEntry } from '../records/manifest-entry.ts'
import type { Namespace } from '../records/namespace.ts'
import type { Mutation } from './mutation.ts'

/** One operation of a writer that counts for itself, durably: an outbox. */
export interface NumberedOperation {
  /** Its number in the writer's count of this namespace: grows, may have gaps, is never used again. */
  readonly n: number
  /** Unique. */
  readonly opId: string
  /** When it was queued, before any attempt: milliseconds since 1970. */
  readonly queuedAt: number
  readonly mutations: readonly Mutation[]
}

export type NumberedOutcome =
  /** `entries` in the order of the mutations; undefined when an earlier attempt had committed it already. */
  | { readonly kind: 'committed'; readonly entries: readonly ManifestEntry[] | undefined }
  /** Proved never to be applied. `error` is undefined when an earlier attempt had found that already. */
  | { readonly kind: 'rejected'; readonly error: UmbraError | undefined }

/** How far a writer's operations are decided in the store: what the writer remembers between calls. */
export interface WriterMark {
  readonly n: number
  /** Rolling hash over the ids of the operations counted so far. */
  readonly h: string
}

export interface NumberedRequest {
  /** The writer's name: unique to one outbox file. */
  readonly writer: string
  /** What the last call resolved to; undefined before the first. */
  readonly mark: WriterMark | undefined
  /** An earlier call with one of these operations was begun, and what became of it is not known. */
  readonly attempted?: boolean
  /** Every operation of the writer in this namespace that is not decided, in order, from the oldest on. */
  readonly operations: readonly NumberedOperation[]
  /**
   * Whether the caller is still the one who sends for this writer. Asked each time between reading the head and writing it:
   * what whoever takes over finds rejected, this call can then no longer apply. Default: it always is.
   */
  readonly mayCommit?: () => boolean
}

export interface NumberedResult {
  /**
   * Of the first operations, at least one: when an earlier call had decided some, only theirs, for the head remembers the
   * rejections of one commit alone. Write them down, then call again with the rest.
   */
  readonly outcomes: readonly NumberedOutcome[]
  readonly mark: WriterMark | undefined
}

export interface NumberedCommits {
  /**
   * Commits operations exactly once, however often it is called with them and whatever became of earlier calls: the
   * namespace's head remembers the number of the last decided operation of each writer. Of one call some may be committed
   * and others rejected, each for itself. Calls for one namespace and writer must not overlap, unless `mayCommit` of the
   * earlier one says no from before the later one begins.
   *
   * Rejects with `OUTCOME_PENDING` when the outcome cannot be known yet, and with what the store failed with when nothing
   * was sent: in both cases call again with the same operations. Rejects with `CONFLICT` and `details.reason`
   * `writer-cloned` when somebody else counts under this name (a copied outbox file): take a new name and number again;
   * `writer-forgotten` when the store no longer remembers the writer, so that operations sent before cannot be told apart;
   * `head-regressed` when it remembers less than it did, up to `details.mark`: a backup of the namespace was restored;
   * `writer-superseded` when `mayCommit` said no: whoever sends now says what became of the operations. A
   * `CONFLICT` without a reason means that others were faster every time: call again with the same operations.
   */
  commitNumbered(namespace: Namespace, request: NumberedRequest): Promise<NumberedResult>
}
