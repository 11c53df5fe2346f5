import type {
  BlobExpectation,
  ByteRange,
  Clock,
  IdSource,
  ManifestEntry,
  Mutation,
  Namespace,
  UmbraError,
  WriterMark,
} from '@umbra/core'
import type { Database } from 'better-sqlite3'

/** A queue of the outbox: operations of one lane are sent in order, lanes side by side. */
export interface Lane {
  /** The namespace's path, or the blob's key. */
  readonly path: string
  /** Undefined for a blob. */
  readonly namespace: Namespace | undefined
}

/** A change of one blob. */
export interface BlobWrite {
  /** Undefined deletes. */
  readonly bytes: Uint8Array | undefined
  readonly expect: BlobExpectation
  /** The version it is sent over, as the store names it; null until it is first sent. */
  readonly base: string | null
}

/** What is queued as one operation. */
export type OutboxWrite = { readonly mutations: readonly Mutation[] } | { readonly blob: BlobWrite }

/** Which process this is, as seen by the others that share the file. */
export interface OutboxHolder {
  /** Unique; the part before the first `-` is the process id. */
  readonly name: string
  /** Whether another holder's process still runs; undefined when that cannot be seen from here. */
  isAlive(name: string): boolean | undefined
}

/** The right to send what is in a lane. Worth nothing once another process has a higher fence. */
export interface LaneLease {
  readonly lane: Lane
  readonly lanePk: number
  readonly fence: number
  readonly writer: string
  readonly mark: WriterMark | undefined
}

export interface Appended {
  readonly pk: number
  readonly opId: string
  /** What each mutation leaves behind once it is applied, as far as can be known. Empty for a blob. */
  readonly entries: readonly ManifestEntry[]
}

export interface QueuedOperation {
  readonly pk: number
  readonly n: number
  readonly opId: string
  readonly resent: boolean
  /** Whether `entries` can only be what they say: not when an id is used again and its last revision was never seen. */
  readonly certain: boolean
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Empty for a blob. Bodies are read from the file when they are asked for. */
  readonly mutations: readonly Mutation[]
  readonly entries: readonly ManifestEntry[]
  readonly blob: BlobWrite | undefined
  /** MD5 of the blob; empty for its deletion. */
  readonly blobEtag: string
}

export type Decision =
  | { readonly kind: 'committed'; readonly entries: readonly ManifestEntry[] | undefined }
  /** The store holds something else: `conflict`. It can never be stored: `dead`. */
  | { readonly kind: 'conflict' | 'dead'; readonly error: UmbraError }

export interface DecidedOperation {
  readonly operation: QueuedOperation
  readonly decision: Decision
}

/** What became of an operation whose caller waits in another process than the one that sent it. */
export type Settled =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'committed' }
  | { readonly kind: 'refused'; readonly error: UmbraError }

/** An operation that was refused. */
export interface ListedOperation {
  /** The operation's id. */
  readonly id: string
  readonly kind: 'conflict' | 'dead'
  readonly lane: Lane
  readonly operation: QueuedOperation
  readonly error: UmbraError
  /** Milliseconds since 1970. */
  readonly decidedAt: number
}

export interface LaneBacklog {
  readonly lane: Lane
  readonly count: number
  /** Milliseconds since 1970. */
  readonly oldestAt: number
}

export interface OutboxUsage {
  /** Bytes of operations that wait or are listed. */
  readonly bytes: number
  readonly maxBytes: number
}

export interface PendingBlob {
  /** Undefined: deleted. */
  readonly blob: { readonly bytes: Uint8Array; readonly etag: string } | undefined
}

/** A change of a record that the store has not, or had not when it was last seen. */
export interface UnseenChange {
  /** What it makes of the record. */
  readonly entry: ManifestEntry
  /** Committed otherwise, after the store was last seen. */
  readonly pending: boolean
  /**
   * Digests of the contents it replaces that are pending too. It comes after them even where the store's revision of one is
   * higher: a pending revision may be thought lower than it turns out to be, never higher.
   */
  readonly over: readonly string[]
}

/** What an undecided operation makes of a record. */
export interface QueuedVersion {
  /** The operation's number. */
  readonly n: number
  readonly resent: boolean
  /** It goes over no record. */
  readonly isCreation: boolean
  readonly entry: ManifestEntry
}

/**
 * Writes on their way to the store, in one file that several processes may share. Every method that changes something is
 * one transaction, on the disk when it resolves.
 */
export interface Outbox {
  /**
   * Queues one operation. `trying`: its caller waits for the store's answer, and the lane's lease is taken when it is free.
   * Rejects with `OUTBOX_FULL` when there is no room, and as a commit does when it conflicts with what is pending, on its way,
   * or committed through this file; nothing is queued then. `isStored`: the store was asked just now and has what is to be
   * replaced, so that what this file says was committed over it since is no reason.
   */
  append(lane: Lane, write: OutboxWrite, state: 'trying' | 'pending', isStored?: boolean): Promise<Appended>
  /** The right to send, or undefined while another living process has it. */
  lease(lane: Lane): Promise<LaneLease | undefined>
  /**
   * The oldest undecided operations, as many as one commit should send: always the same ones or more until some are decided,
   * so a repeat covers what was sent. Nothing that changes a record which one of them, sent before under another name, changes
   * too: after their commit that record is as it was found.
   */
  waiting(lease: LaneLease, limit: number): readonly QueuedOperation[]
  /** Oldest first, also of operations that wait for the outcome of others. */
  undecidedVersions(lease: LaneLease, id: string): readonly QueuedVersion[]
  /** Whether the lease is still ours. What was read before is then all that anybody before us can have sent. */
  holds(lease: LaneLease): boolean
  /** Notes what a blob is sent over. Resolves to false when the lease was lost. */
  noteBase(lease: LaneLease, operation: QueuedOperation, base: string): Promise<boolean>
  /**
   * Records outcomes and the mark. A refusal is listed until its caller has heard of it ({@link settled}).
   * Resolves to the lease for what follows (undefined when the lane is empty and the lease given back, or it was lost) and
   * to whether the outcomes were recorded.
   */
  decide(
    lease: LaneLease,
    decided: readonly DecidedOperation[],
    mark: WriterMark | undefined,
  ): Promise<{ readonly lease: LaneLease | undefined; readonly recorded: boolean }>
  /** Gives the lane a new writer name, because the store no longer tells this one's operations apart. */
  renameWriter(lease: LaneLease): Promise<LaneLease | undefined>
  /**
   * Queues again what was committed after `mark` and is kept, because the store was restored to it; under a new name when
   * the operation at `mark` is no longer known. Resolves to undefined when the lease was lost.
   */
  resendAfter(lease: LaneLease, mark: WriterMark): Promise<LaneLease | undefined>
  release(lease: LaneLease): Promise<void>
  /** Before callers are told that their operations are pending. Resolves to those that are still undecided. */
  markPending(pks: readonly number[]): Promise<ReadonlySet<number>>
  /** For a caller whose operation another process sends. A refusal is forgotten: the caller hears of it. */
  settled(pk: number): Promise<Settled>

  /** What the newest operation that was reported as pending makes of a record. */
  pendingEntry(path: string, id: string): ManifestEntry | undefined
  /** The same for every record of a namespace that has one. */
  pendingEntries(path: string): ReadonlyMap<string, ManifestEntry>
  pendingBlob(path: string): PendingBlob | undefined
  /** The key of a record's newest change when it has been sent, or is about to be, and its caller waits for its outcome. */
  onItsWay(path: string, id: string): number | undefined
  /** The number of an operation up to which every one of the lane is decided. */
  decidedTo(path: string): number
  /**
   * The newest change of each record of a namespace, or of one: pending, or committed after the operation numbered `after`.
   * Undefined when operations after that one were committed and are not kept any more.
   */
  unseenChanges(path: string, after: number, id?: string): ReadonlyMap<string, UnseenChange> | undefined
  /** The body of a revision that is or was in the outbox; undefined when it is not any more. */
  openBody(path: string, entry: ManifestEntry, range?: ByteRange): AsyncIterable<Uint8Array> | undefined

  backlog(): readonly LaneBacklog[]
  /** Whether anything was ever queued in this file. */
  isUsed(): boolean
  usage(): OutboxUsage
  /** Oldest first. What a caller who still waits is about to be told is not listed. */
  listed(): readonly ListedOperation[]
  /** One of them; undefined when none has this id. */
  findListed(id: string): ListedOperation | undefined
  /**
   * Queues a listed operation again, over the given etags (`-`: none) in place of those it names. A caller who comes late to
   * hear of the refusal hears of it all the same, here as with {@link discard}.
   */
  retry(id: string, expects: readonly (string | undefined)[]): Promise<void>
  discard(id: string): Promise<void>
  /**
   * Removes what is kept of the committed versions of a record, contents and descriptions, and writes the file anew, so that they and
   * whatever was deleted or replaced in it before cannot be read in it any more. Its deletions stay, and so does every other record
   * of the same operations. Rejects with `UNAVAILABLE`, to be repeated, when other processes keep using the file.
   */
  forget(path: string, id: string): Promise<void>
  close(): Promise<void>
}

export interface OutboxComponents {
  readonly clock?: Clock
  readonly ids?: IdSource
  /** Default: this process. */
  readonly holder?: OutboxHolder
  /** Told every SQL statement before it runs. */
  readonly trace?: (statement: string) => void
  /** Given the connection before it is used, for settings of one's own. */
  readonly prepare?: (connection: Pick<Database, 'pragma'>) => void
}

export interface OutboxSettings {
  /** The database file; may be the one records are kept in. */
  readonly path: string
  readonly busyTimeoutMs?: number
  /** Most bytes of operations that wait or are listed; more is refused. Default 1 GiB. */
  readonly maxBytes?: number
  /** Most bytes of committed operations that are kept for sending again. Default 64 MiB, 0 keeps none. */
  readonly keepBytes?: number
  /** How long committed operations are kept, milliseconds. Default and most: 7 days. */
  readonly keepMs?: number
  /** How long a process may be silent before another one sends in its place, milliseconds. Default 30,000. */
  readonly leaseMs?: number
}
