import type { DeleteFailure } from '../../objects/object-store.ts'
import { listPage } from './list-page.ts'
import { ObjectHistory } from './object-history.ts'
import type { Author, NewVersion, StoredVersion, StoreHistory } from './object-history.ts'
import type { StoreRules } from './simulation-plan.ts'
import type { DeleteManyRequest, GetRequest, PutRequest, StoreAnswer, StoreRequest } from './store-request.ts'

/** One write per key in this time, when the rules say so. https://developers.cloudflare.com/r2/platform/limits/ */
const WRITE_INTERVAL_MS = 1_000

export interface StoreContext {
  readonly rules: StoreRules
  /** The store's own clock: milliseconds since the Unix epoch. */
  readonly startMs: number
  readonly now: () => number
  readonly step: () => number
  /** Told of every change when it has taken effect. */
  readonly onChange: (version: StoredVersion) => void
}

/** The store's side: a request takes effect in one moment, and that is when its condition is judged. */
export class SimulatedStore {
  readonly #history = new ObjectHistory()
  readonly #context: StoreContext
  /** By key, when it was last written, milliseconds since the simulation began. */
  readonly #writtenAt = new Map<string, number>()

  constructor(context: StoreContext) {
    this.#context = context
  }

  get history(): StoreHistory {
    return this.#history
  }

  handle(sent: StoreRequest, author: Author): StoreAnswer {
    const request = this.#context.rules.foldsUnicode ? foldKeys(sent) : sent
    switch (request.verb) {
      case 'PUT':
        return this.#put(request, author)
      case 'GET':
        return this.#get(request)
      case 'HEAD': {
        const version = this.#history.current(request.key)
        return version === undefined ? { kind: 'absent' } : this.#found(version)
      }
      case 'LIST':
        return { kind: 'page', page: listPage(this.#history, request) }
      case 'DELETE':
        this.#delete(request.key, author)
        return { kind: 'deleted', outcome: { deleted: [request.key], failed: [] } }
      default:
        for (const key of request.keys) this.#delete(key, author)
        return { kind: 'deleted', outcome: { deleted: request.keys, failed: [] } }
    }
  }

  /** As the fault `partial-delete` has it. */
  deleteEveryOther(request: DeleteManyRequest, author: Author): StoreAnswer {
    const refused = request.keys.filter((_, index) => index % 2 === 0)
    const deleted = request.keys.filter((_, index) => index % 2 === 1)
    for (const key of deleted) this.#delete(key, author)
    const failed = refused.map((key): DeleteFailure => ({
      key,
      code: 'InternalError',
      message: 'simulated: try again',
    }))
    return { kind: 'deleted', outcome: { deleted, failed } }
  }

  #put(request: PutRequest, author: Author): StoreAnswer {
    const { rules, now } = this.#context
    const refusal = rules.ignoreConditions ? undefined : this.#judge(request)
    if (refusal !== undefined) return { kind: 'refused', status: refusal }
    const writtenAt = this.#writtenAt.get(request.key)
    if (rules.oneWritePerSecond && writtenAt !== undefined && now() - writtenAt < WRITE_INTERVAL_MS) {
      return { kind: 'refused', status: 429 }
    }
    const { bytes, metadata, contentType } = request
    this.#writtenAt.set(request.key, now())
    const version = this.#add(request.key, { kind: 'object', bytes, metadata, contentType, by: author })
    return { kind: 'stored', etag: version.etag }
  }

  /** The status that refuses a write whose condition does not hold. */
  #judge({ key, ifMatch, ifNoneMatch }: PutRequest): 404 | 412 | undefined {
    const current = this.#history.current(key)
    if (ifNoneMatch === '*' && current !== undefined) return 412
    if (ifMatch === undefined || ifMatch === current?.etag) return undefined
    return current === undefined ? this.#context.rules.ifMatchOnAbsent : 412
  }

  #get({ key, range, ifMatch, ifNoneMatch }: GetRequest): StoreAnswer {
    const version = this.#history.current(key)
    if (version === undefined) return { kind: 'absent' }
    if (ifMatch !== undefined && ifMatch !== version.etag) return { kind: 'refused', status: 412 }
    if (ifNoneMatch === version.etag) return { kind: 'not-modified' }
    if (range !== undefined && range.start >= version.bytes.byteLength)
      return { kind: 'refused', status: 416 }
    return this.#found(version)
  }

  #found(version: StoredVersion): StoreAnswer {
    const serverDate = this.#context.rules.serverDate ? this.#serverTime() : undefined
    return { kind: 'object', version, serverDate, truncated: false }
  }

  #delete(key: string, author: Author): void {
    if (this.#history.current(key) === undefined) return
    const nothing = { bytes: new Uint8Array(), metadata: {}, contentType: undefined }
    this.#add(key, { kind: 'deleted', ...nothing, by: author })
  }

  #add(key: string, version: Omit<NewVersion, 'atMs' | 'step' | 'lastModified'>): StoredVersion {
    const { now, step, onChange } = this.#context
    const added = this.#history.add(key, {
      ...version,
      atMs: now(),
      step: step(),
      lastModified: this.#serverTime(),
    })
    onChange(added)
    return added
  }

  /** To the second, as in the headers of an answer. */
  #serverTime(): Date {
    const nowMs = this.#context.startMs + this.#context.now()
    return new Date(nowMs - (nowMs % 1_000))
  }
}

function foldKeys(request: StoreRequest): StoreRequest {
  const key = request.key.normalize('NFC')
  return request.verb === 'DELETE-MANY'
    ? { ...request, key, keys: request.keys.map((each) => each.normalize('NFC')) }
    : { ...request, key }
}
