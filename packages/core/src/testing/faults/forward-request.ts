import { request as openRequest } from 'node:http'
import type { Agent, IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { SeenRequest } from './fault-rule.ts'

/** A request as it came, to be sent on unchanged. */
export interface OriginalRequest extends SeenRequest {
  /** Path and query, still encoded. */
  readonly url: string
  /** Names and values in turn. `Host` stays as it was: the client has signed it. */
  readonly rawHeaders: readonly string[]
}

/** What the store did. */
export interface AppliedRequest extends SeenRequest {
  /** Empty unless the observer's `keepsBody` asked for it. */
  readonly body: Uint8Array
}

export interface AppliedAnswer {
  readonly status: number
  /** Without quotes; undefined when the answer has none. */
  readonly etag: string | undefined
}

/** Is told of every write the store acknowledged, whatever becomes of its answer. */
export interface ApplyObserver {
  onApplied(request: AppliedRequest, answer: AppliedAnswer): void
  /** Whether the body of such a request is to be kept for `onApplied`. Default: never. */
  keepsBody?(request: SeenRequest): boolean
}

export interface Upstream {
  readonly target: URL
  readonly agent: Agent
  readonly observer: ApplyObserver | undefined
}

/**
 * Sends a request on and resolves to the store's answer, its body not yet read. A body that breaks off takes the
 * request with it; once it is through, the store's answer is awaited even when the client is gone.
 */
export async function forwardRequest(
  upstream: Upstream,
  original: OriginalRequest,
  body: Readable | Uint8Array,
): Promise<IncomingMessage> {
  const { target, agent, observer } = upstream
  const outgoing = openRequest({
    agent,
    host: target.hostname,
    port: target.port,
    method: original.method,
    path: original.url,
    headers: [...original.rawHeaders],
  })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve)
    outgoing.once('error', reject)
  })
  const chunks: Buffer[] = []
  const source = body instanceof Uint8Array ? toStream(body) : body
  if (observer?.keepsBody?.(original)) source.on('data', (chunk: Buffer) => chunks.push(chunk))
  // A broken source destroys the outgoing request, which rejects `answered`; a store that answers early ends both.
  const sent = pipeline(source, outgoing).catch((error: unknown) => outgoing.destroy(asError(error)))
  const answer = await answered
  const { statusCode: status = 0, headers } = answer
  if (observer !== undefined && status < 300 && ['PUT', 'POST', 'DELETE'].includes(original.method)) {
    await sent
    const { method, key, query } = original
    const etag = headers.etag?.replaceAll('"', '')
    observer.onApplied({ method, key, query, body: Buffer.concat(chunks) }, { status, etag })
  }
  return answer
}

function toStream(bytes: Uint8Array): Readable {
  const stream = new PassThrough()
  stream.end(bytes)
  return stream
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('the request broke off', { cause: error })
}
