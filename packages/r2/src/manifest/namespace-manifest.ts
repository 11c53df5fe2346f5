import { mutationId, nextRevision } from '@umbra/core'
import type {
  BaseVersion,
  ManifestEntry,
  Mutation,
  Namespace,
  OperationOutcome,
  UploadedRevision,
} from '@umbra/core'
import { CommitWindow } from './commit-window.ts'
import { HeadCache } from './head-cache.ts'
import type { ManifestContext } from './manifest-context.ts'
import { NamespaceCommitter } from './namespace-committer.ts'
import { uploadRevision } from './upload-revision.ts'

type Uploads = readonly (UploadedRevision | undefined)[]

/** One namespace: its snapshots to read, and its commits. */
export class NamespaceManifest {
  readonly #context: ManifestContext
  readonly #cache: HeadCache
  readonly #window: CommitWindow
  readonly #committer: NamespaceCommitter

  constructor(namespace: Namespace, context: ManifestContext) {
    this.#context = context
    this.#cache = new HeadCache(namespace, context)
    this.#window = new CommitWindow(context.clock)
    this.#committer = new NamespaceCommitter(namespace, { cache: this.#cache, window: this.#window, context })
  }

  /** The namespace as of a moment during this call; undefined when nothing was ever stored in it. */
  snapshot(): Promise<BaseVersion | undefined> {
    return this.#cache.refresh()
  }

  /** Stores the bodies, then commits all mutations or none. Resolves to their entries in order. */
  async commit(mutations: readonly Mutation[]): Promise<readonly ManifestEntry[]> {
    const opId = this.#context.ids.next(this.#context.clock.now())
    this.#readAhead()
    let uploads = await this.#upload(mutations, opId, (mutation) => this.#expectedRevision(mutation))
    for (;;) {
      const outcome = await this.#decide({ opId, mutations, uploads })
      if (outcome.kind === 'applied') return outcome.entries
      if (outcome.kind === 'rejected') {
        await this.#discard(uploads)
        throw outcome.error
      }
      const revisions = new Map(outcome.places.map(({ index, rev }) => [index, rev]))
      await this.#discard(uploads.filter((_, index) => revisions.has(index)))
      const again = await this.#upload(mutations, opId, (_, index) => revisions.get(index))
      uploads = uploads.map((upload, index) => again[index] ?? upload)
    }
  }

  /** The first commit of a process needs the head as well as the uploads: fetch both at the same time. */
  #readAhead(): void {
    // A failure is met again, and reported, by the commit itself.
    if (this.#cache.known === undefined) this.#cache.refresh().catch(() => undefined)
  }

  #decide(operation: {
    opId: string
    mutations: readonly Mutation[]
    uploads: Uploads
  }): Promise<OperationOutcome> {
    return new Promise((resolve, reject) => {
      this.#committer.enqueue({ ...operation, resolve, reject })
    })
  }

  /** Stores the body of every put that `revisionOf` names a revision for; all of them, or none is left. */
  async #upload(
    mutations: readonly Mutation[],
    opId: string,
    revisionOf: (mutation: Mutation, index: number) => number | undefined,
  ): Promise<Uploads> {
    const uploads = mutations.map(async (mutation, index) => {
      const rev = revisionOf(mutation, index)
      if (mutation.kind === 'delete' || rev === undefined) return undefined
      return this.#context.uploadLimit(() => uploadRevision({ mutation, rev, opId }, this.#context))
    })
    // Waits for all of them: the caller frees the bodies as soon as this rejects.
    const results = await this.#window.track(Promise.allSettled(uploads))
    const failed = results.find((result) => result.status === 'rejected')
    const stored = results.map((result) => (result.status === 'fulfilled' ? result.value : undefined))
    if (failed === undefined) return stored
    await this.#discard(stored)
    throw failed.reason
  }

  /** The revision a put will become, unless somebody else is faster. */
  #expectedRevision(mutation: Mutation): number | undefined {
    if (mutation.kind === 'delete') return undefined
    if (mutation.expect.kind === 'etag') {
      return Math.max(Number.parseInt(mutation.expect.etag, 10) + 1, mutation.rev ?? 1)
    }
    return nextRevision(this.#cache.known?.head.lines.get(mutationId(mutation))?.entry, mutation.rev)
  }

  /**
   * Removes bodies that are proved never to be referenced. Best effort: what stays is an orphan for the collector. The
   * newest manifest is asked once more, because deleting a referenced body could not be made good.
   */
  async #discard(uploads: Uploads): Promise<void> {
    const lines = this.#cache.known?.head.lines
    const referenced = new Set([...(lines?.values() ?? [])].map(({ entry }) => entry.key))
    const keys = uploads.flatMap((upload) =>
      upload === undefined || referenced.has(upload.key) ? [] : [upload.key],
    )
    if (keys.length > 0) await this.#context.objects.deleteMany(keys).catch(() => undefined)
  }
}
