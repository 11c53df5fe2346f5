import { collectBytes } from '../../bodies/collect-bytes.ts'
import { UmbraError } from '../../errors/umbra-error.ts'
import type {
  DeleteFailure,
  FoundObject,
  ObjectBody,
  ObjectHead,
  ObjectStore,
} from '../../objects/object-store.ts'
import { answerError, truncatedBody } from './answer-error.ts'
import type { Sender, SimulatedNetwork } from './simulated-network.ts'
import { never } from './simulated-process.ts'
import type { GetRequest, ListPage, ListRequest, StoreAnswer, StoreRequest } from './store-request.ts'

type FoundAnswer = Extract<StoreAnswer, { kind: 'object' }>

const MAX_KEYS_PER_DELETION = 1_000

type Send = (request: StoreRequest, signal?: AbortSignal) => Promise<StoreAnswer>

/** One process's way to the simulated store: failures are reported as the adapter of R2 reports them. */
export function createSimulatedClient(
  network: SimulatedNetwork,
  sender: Sender,
  pageSize: number,
): ObjectStore {
  const send: Send = (request, signal) =>
    sender.life.isOver ? never() : network.send(request, sender, signal)
  return { ...createReader(send), ...createLister(send, pageSize), ...createWriter(send) }
}

function createReader(send: Send): Pick<ObjectStore, 'get' | 'head'> {
  return {
    get: async (key, { range, ifMatch, ifNoneMatch, signal } = {}) => {
      const request = { verb: 'GET', key, range, ifMatch, ifNoneMatch } as const
      const answer = await send(request, signal)
      if (answer.kind === 'object') return toFoundObject(request, answer)
      if (answer.kind === 'not-modified') return { kind: 'not-modified' }
      if (answer.kind === 'absent') return undefined
      throw failure(request, answer)
    },
    head: async (key) => {
      const request = { verb: 'HEAD', key } as const
      const answer = await send(request)
      if (answer.kind === 'object') return toObjectHead(answer)
      if (answer.kind === 'absent') return undefined
      throw failure(request, answer)
    },
  }
}

function createLister(send: Send, pageSize: number): Pick<ObjectStore, 'list' | 'listFolders'> {
  return {
    list: async function* (prefix, options = {}) {
      if (options.partialPrefix !== true) requireFolder(prefix)
      for await (const { objects } of listPages(send, prefix, { ...options, pageSize })) yield* objects
    },
    listFolders: async function* (prefix) {
      requireFolder(prefix)
      const pages = listPages(send, prefix, { delimiter: '/', pageSize })
      for await (const { folders } of pages) yield* folders
    },
  }
}

function createWriter(send: Send): Pick<ObjectStore, 'put' | 'delete' | 'deleteMany'> {
  return {
    put: async (key, body, options = {}) => {
      const { ifMatch, ifNoneMatch, contentType, metadata = {}, signal } = options
      const bytes = await bytesOf(body)
      const request = { verb: 'PUT', key, bytes, ifMatch, ifNoneMatch, contentType, metadata } as const
      const answer = await send(request, signal)
      if (answer.kind === 'stored') return { etag: answer.etag }
      throw failure(request, answer)
    },
    delete: async (key) => {
      const request = { verb: 'DELETE', key } as const
      const answer = await send(request)
      if (answer.kind !== 'deleted') throw failure(request, answer)
    },
    deleteMany: async (keys) => {
      const deleted: string[] = []
      const failed: DeleteFailure[] = []
      for (let start = 0; start < keys.length; start += MAX_KEYS_PER_DELETION) {
        const batch = keys.slice(start, start + MAX_KEYS_PER_DELETION)
        const request = { verb: 'DELETE-MANY', key: batch[0] ?? '', keys: batch } as const
        const answer = await send(request)
        if (answer.kind !== 'deleted') throw failure(request, answer)
        deleted.push(...answer.outcome.deleted)
        failed.push(...answer.outcome.failed)
      }
      return { deleted, failed }
    },
  }
}

interface PageOptions {
  readonly delimiter?: '/'
  readonly limit?: number
  readonly startAfter?: string
}

async function* listPages(
  send: Send,
  prefix: string,
  options: PageOptions & { readonly pageSize: number },
): AsyncGenerator<ListPage, void, undefined> {
  let left = options.limit ?? Number.POSITIVE_INFINITY
  let after: string | undefined = options.startAfter ?? ''
  while (after !== undefined && left > 0) {
    const limit = Math.min(left, options.pageSize)
    const request: ListRequest = { verb: 'LIST', key: prefix, after, limit, delimiter: options.delimiter }
    const answer = await send(request)
    if (answer.kind !== 'page') throw failure(request, answer)
    yield answer.page
    left -= answer.page.objects.length
    after = answer.page.next
  }
}

function failure(request: StoreRequest, answer: StoreAnswer): UmbraError {
  return answerError(request, answer.kind === 'refused' ? answer.status : undefined)
}

async function bytesOf(body: ObjectBody): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return Uint8Array.from(body)
  return body.bytes ?? collectBytes(body.stream())
}

function toObjectHead({ version, serverDate }: FoundAnswer): ObjectHead {
  const { etag, bytes, metadata, contentType, lastModified } = version
  return { etag, size: bytes.byteLength, metadata, contentType, lastModified, serverDate }
}

function toFoundObject({ key, range }: GetRequest, answer: FoundAnswer): FoundObject {
  const { bytes } = answer.version
  const wanted = range === undefined ? bytes : bytes.subarray(range.start, (range.end ?? Infinity) + 1)
  const body = readBody(key, wanted, answer.truncated)
  return { kind: 'found', ...toObjectHead(answer), body, bytes: () => collectBytes(body) }
}

/** In two pieces, so that a reader that takes the first one for all of it is found out. */
async function* readBody(
  key: string,
  bytes: Uint8Array,
  truncated: boolean,
): AsyncGenerator<Uint8Array, void, undefined> {
  const middle = bytes.byteLength >>> 1
  yield bytes.slice(0, middle)
  if (truncated) throw truncatedBody(key)
  yield bytes.slice(middle)
}

function requireFolder(prefix: string): void {
  if (prefix.endsWith('/')) return
  throw new UmbraError('INVALID_INPUT', `a prefix to list must end in a slash. prefix=${prefix}`, {
    details: { prefix },
  })
}
