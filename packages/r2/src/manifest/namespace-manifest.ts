import { etagRevision, mutationId, nextRevision } from '@umbra/core'
import type {
  ManifestEntry,
  Mutation,
  Namespace,
  NumberedRequest,
  NumberedResult,
  OperationOutcome,
  PartSwap,
  UploadedRevision,
} from '@umbra/core'
import { alwaysOutdated } from './always-outdated.ts'
import { CommitWindow } from './commit-window.ts'
import { HeadCache } from './head-cache.ts'
import { Maintainer } from './maintainer.ts'
import type { ManifestContext } from './manifest-context.ts'
import { HeadWriter } from './head-writer.ts'
import { NamespaceCommitter } from './namespace-committer.ts'
import { commitNumbered } from './numbered-committer.ts'
import type { NumberedCommitterParts } from './numbered-committer.ts'
import { PartGone, partMissing } from './part-gone.ts'
import type { CheckedAppend, PendingOperation } from './pending-operation.ts'
import type { Snapshot } from './snapshot.ts'
import { MAX_UPLOAD_ROUNDS, uploadRevision } from './upload-revision.ts'
import type { RevisionUpload } from './upload-revision.ts'

type Uploads = readonly (UploadedRevision | undefined)[]

type UploadRequest = readonly [
  mutations: readonly Mutation[],
  naming: Pick<RevisionUpload, 'nonce' | 'again' | 'repeat'>,
  revisionOf: (mutation: Mutation, index: number) => number | undefined,
]

/** Times a read starts again on a newer version because parts of its own were collected. */
const MAX_RESTARTS = 3

/** One namespace: its snapshots to read, and its commits. */
export class NamespaceManifest {
  readonly namespace: Namespace
  readonly #context: ManifestContext
  readonly #cache: HeadCache
  readonly #window: CommitWindow
  readonly #maintainer: Maintainer
  readonly #heads: HeadWriter
  readonly #committer: NamespaceCommitter

  constructor(namespace: Namespace, context: ManifestContext) {
    this.namespace = namespace
    this.#context = context
    this.#cache = new HeadCache(namespace, context)
    this.#window = new CommitWindow(context.clock)
    this.#maintainer = new Maintainer(namespace, context)
    this.#heads = new HeadWriter({ namespace, cache: this.#cache, maintainer: this.#maintainer, context })
    this.#committer = new NamespaceCommitter({
      cache: this.#cache,
      window: this.#window,
      heads: this.#heads,
      context,
    })
  }

  /** The namespace as of a moment during this call; undefined when nothing was ever stored in it. */
  snapshot(maxAgeMs = 0): Promise<Snapshot | undefined> {
    return maxAgeMs > 0 ? this.#cache.bounded(maxAgeMs) : this.#cache.refresh()
  }

  /**
   * Reads a snapshot; again on a newer one when parts of it were collected meanwhile, so an answer is never partial.
   * Resolves to undefined when nothing was ever stored.
   */
  async read<T>(read: (snapshot: Snapshot) => Promise<T>, maxAgeMs = 0): Promise<T | undefined> {
    let snapshot = await this.snapshot(maxAgeMs)
    for (let restarts = 0; ; restarts++) {
      if (snapshot === undefined) return undefined
      try {
        return await read(snapshot)
      } catch (error) {
        if (!(error instanceof PartGone)) throw error
        const current = await this.#cache.refresh()
        const stuck = current?.version.etag === snapshot.version.etag || restarts === MAX_RESTARTS
        if (stuck) throw partMissing(error)
        snapshot = current
      }
    }
  }

  /** Stores the bodies, then commits all mutations or none. Resolves to their entries in order. */
  async commit(mutations: readonly Mutation[]): Promise<readonly ManifestEntry[]> {
    const opId = this.#context.ids.next(this.#context.clock.now())
    this.#readAhead()
    let uploads = await this.#uploadAll(mutations, { nonce: opId }, (one) =>
      expectedRevision(one, this.#cache.known?.tail),
    )
    for (let rounds = 1; ; rounds++) {
      const outcome = await this.#decide({ opId, mutations, uploads })
      if (outcome.kind === 'applied') return outcome.entries
      if (outcome.kind === 'rejected') {
        await this.#discard(mutations, uploads)
        throw outcome.error
      }
      if (rounds === MAX_UPLOAD_ROUNDS) throw alwaysOutdated()
      const revisions = new Map(outcome.places.map(({ index, rev }) => [index, rev]))
      await this.#discard(
        mutations,
        uploads.filter((_, index) => revisions.has(index)),
      )
      const nonce = this.#context.ids.next(this.#context.clock.now())
      const again = await this.#uploadAll(mutations, { nonce, again: true }, (_, index) =>
        revisions.get(index),
      )
      uploads = uploads.map((upload, index) => again[index] ?? upload)
    }
  }

  /** Commits the operations of a writer that counts for itself: see `NumberedCommits`. */
  commitNumbered(request: NumberedRequest): Promise<NumberedResult> {
    const { namespace } = this
    return commitNumbered(
      { namespace, cache: this.#cache, heads: this.#heads, upload: (...one) => this.#uploadNumbered(...one) },
      request,
    )
  }

  /**
   * Under a key that follows from the operation, so that a repeat finds what is there; so nothing is discarded. What is not
   * there although it may have been stored long ago may have been collected, by a collector that is not done yet: it goes
   * under another key.
   */
  async #uploadNumbered(
    ...[{ opId, mutations, queuedAt }, snapshot, again]: Parameters<NumberedCommitterParts['upload']>
  ): Promise<Uploads> {
    const current = again === undefined ? await this.#current(snapshot, mutations) : undefined
    const { ids, clock, limits } = this.#context
    const nonce = again === undefined ? opId : ids.next(clock.now())
    // Long before a collector may touch it, whatever the clocks say.
    const isOld = clock.now() - queuedAt >= limits.graceMs / 2
    const naming = {
      nonce,
      ...(again !== undefined && { again: true as const }),
      ...(isOld && again === undefined && { repeat: true as const }),
    }
    const { stored, failure } = await this.#upload(mutations, naming, (mutation, index) => {
      if (again !== undefined) return again.places.get(index)
      return expectedRevision(mutation, current)
    })
    if (failure !== undefined) throw failure.reason
    return stored.map((upload, index) => upload ?? again?.uploads[index])
  }

  /** What there is of the records whose mutations do not say over which version they are. */
  async #current(
    snapshot: Snapshot | undefined,
    mutations: readonly Mutation[],
  ): Promise<ReadonlyMap<string, ManifestEntry> | undefined> {
    const ids = mutations.filter(({ expect }) => expect.kind !== 'etag').map(mutationId)
    try {
      return await snapshot?.lookup(ids)
    } catch (error) {
      if (!(error instanceof PartGone)) throw error
      return this.read((newer) => newer.lookup(ids))
    }
  }

  /** Publishes a version that changes no record: with a prepared swap, or with a raised floor. */
  async publish(change: { readonly swap?: () => Promise<PartSwap>; readonly floor?: string }): Promise<void> {
    if (change.swap !== undefined) await this.#maintainer.prepare(change.swap)
    const opId = this.#context.ids.next(this.#context.clock.now())
    const { floor } = change
    await this.#decide({ opId, mutations: [], uploads: [], ...(floor !== undefined && { floor }) })
  }

  /** Adds a stored run of new records; rejects when their ids are taken, as for other commits. */
  async append(append: CheckedAppend): Promise<void> {
    const opId = this.#context.ids.next(this.#context.clock.now())
    const outcome = await this.#decide({ opId, mutations: [], uploads: [], append })
    if (outcome.kind === 'rejected') throw outcome.error
  }

  /** Lets maintenance that is running finish, and its result take effect. */
  async finish(): Promise<void> {
    await this.#maintainer.settled()
    if (this.#maintainer.isReady) await this.publish({})
  }

  /** The first commit of a process needs the head as well as the uploads: fetch both at the same time. */
  #readAhead(): void {
    // A failure is met again, and reported, by the commit itself.
    if (this.#cache.known === undefined) this.#cache.refresh().catch(() => undefined)
  }

  #decide(operation: Omit<PendingOperation, 'resolve' | 'reject'>): Promise<OperationOutcome> {
    return new Promise((resolve, reject) => {
      this.#committer.enqueue({ ...operation, resolve, reject })
    })
  }

  /** Stores the body of every put that `revisionOf` names a revision for; all of them, or none is left. */
  async #uploadAll(...request: UploadRequest): Promise<Uploads> {
    const { stored, failure } = await this.#upload(...request)
    if (failure === undefined) return stored
    await this.#discard(request[0], stored)
    throw failure.reason
  }

  /** The same, and what could be stored stays. */
  async #upload(
    ...[mutations, naming, revisionOf]: UploadRequest
  ): Promise<{ readonly stored: Uploads; readonly failure: PromiseRejectedResult | undefined }> {
    const uploads = mutations.map(async (mutation, index) => {
      const rev = revisionOf(mutation, index)
      if (mutation.kind === 'delete' || rev === undefined) return undefined
      return this.#context.uploadLimit(() => uploadRevision({ mutation, rev, ...naming }, this.#context))
    })
    // Waits for all of them: the caller frees the bodies as soon as this rejects.
    const results = await this.#window.track(Promise.allSettled(uploads))
    return {
      stored: results.map((result) => (result.status === 'fulfilled' ? result.value : undefined)),
      failure: results.find((result) => result.status === 'rejected'),
    }
  }

  /**
   * Removes bodies that are proved not to be referenced. A rebuild may have found one by listing and made it a record, so
   * the current version is asked. Best effort: what stays is an orphan for the collector.
   */
  async #discard(mutations: readonly Mutation[], uploads: Uploads): Promise<void> {
    const unreferred = async () => {
      const current = await this.#cache.known?.lookup(mutations.map(mutationId))
      const referred = new Set([...(current?.values() ?? [])].map(({ key }) => key))
      const keys = uploads.flatMap((upload) => upload?.key ?? []).filter((key) => !referred.has(key))
      if (keys.length > 0) await this.#context.objects.deleteMany(keys)
    }
    await unreferred().catch(() => undefined)
  }
}

/**
 * The revision a put will become, unless somebody else is faster. If it is applied at all it is over the version it names,
 * which an operation queued before it may have yet to make.
 */
function expectedRevision(
  mutation: Mutation,
  current: ReadonlyMap<string, ManifestEntry> | undefined,
): number | undefined {
  if (mutation.kind === 'delete') return undefined
  const { expect, rev = 1 } = mutation
  if (expect.kind === 'etag') return Math.max(etagRevision(expect.etag) + 1, rev)
  return nextRevision(current?.get(mutationId(mutation)), rev)
}
