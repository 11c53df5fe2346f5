import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { collectBytes } from '../../bodies/collect-bytes.ts'
import type { Clock } from '../../clock.ts'
import type { FaultPlan } from './fault-plan.ts'
import type { FaultKind } from './fault-rule.ts'
import { forwardRequest } from './forward-request.ts'
import type { OriginalRequest, Upstream } from './forward-request.ts'
import type { HeldRequests } from './held-requests.ts'
import { paced } from './paced-stream.ts'

export interface ExchangeContext {
  readonly upstream: Upstream
  readonly held: HeldRequests
  readonly clock: Clock
  readonly count: (kind: FaultKind) => void
}

/** One request of a client, what is to go wrong with it, and where its answer goes. */
export interface Exchange {
  readonly original: OriginalRequest
  readonly plan: FaultPlan
  readonly incoming: IncomingMessage
  readonly response: ServerResponse
  /** Bytes when the whole body has been taken in: it can then be sent late, twice, or for a client that is gone. */
  readonly body: Readable | Uint8Array
}

/** Larger bodies are never held in memory, so nothing that needs the whole body happens to them. */
const MAX_WHOLE_BYTES = 1024 ** 2

export function requestSize({ headers }: IncomingMessage): number {
  return headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : Infinity
}

/** The exchange with its whole body in memory, or as it was when that is too large. */
export async function takeWhole(exchange: Exchange): Promise<Exchange> {
  if (requestSize(exchange.incoming) > MAX_WHOLE_BYTES) return exchange
  return { ...exchange, body: await collectBytes(exchange.incoming) }
}

/** Lets the store do it. */
export function send(exchange: Exchange, context: ExchangeContext): Promise<IncomingMessage> {
  const { plan, original, body, incoming } = exchange
  if (plan.slowRequest === undefined || requestSize(incoming) === 0) {
    return forwardRequest(context.upstream, original, body)
  }
  context.count('slow-request')
  const source = body instanceof Uint8Array ? Readable.from([body]) : body
  const slowed = Readable.from(paced(plan.slowRequest.bytesPerSecond, context.clock)(source), {
    objectMode: false,
  })
  // What a client has not got through when it gives up never arrives, even where the proxy has read ahead.
  const giveUp = (): void => void slowed.destroy(new Error('the client is gone'))
  incoming.socket.once('close', giveUp)
  slowed.once('close', () => incoming.socket.off('close', giveUp))
  return forwardRequest(context.upstream, original, slowed)
}

/** Hands the store's answer to the client. */
export async function deliver(
  answer: IncomingMessage,
  exchange: Exchange,
  context: ExchangeContext,
): Promise<void> {
  const { response, plan, original } = exchange
  writeHeaders(response, answer)
  if (plan.slowAnswer === undefined || !hasBody(answer, original.method)) {
    return pipeline(answer, response)
  }
  context.count('slow-answer')
  return pipeline(answer, paced(plan.slowAnswer.bytesPerSecond, context.clock), response)
}

/** Hands over half of the answer's body and ends the connection. */
export async function deliverHalf(answer: IncomingMessage, { response }: Exchange): Promise<void> {
  const announced = Number(answer.headers['content-length'])
  writeHeaders(response, answer)
  response.flushHeaders()
  // Without an announced size the end itself is what is missing.
  let left = Number.isNaN(announced) ? Infinity : Math.floor(announced / 2)
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    const piece = chunk.subarray(0, left)
    left -= piece.byteLength
    // Node forgets the callback of a write after the connection has ended and before it says so.
    if (response.socket === null || response.socket.destroyed) break
    await new Promise((resolve) => response.write(piece, resolve))
    if (left <= 0) break
  }
  response.socket?.destroy()
}

export function hasBody({ statusCode, headers }: IncomingMessage, method: string): boolean {
  return method !== 'HEAD' && statusCode !== 204 && statusCode !== 304 && headers['content-length'] !== '0'
}

/** Ends the connection as a crash on the way would, if the client has not ended it itself. */
export function cut({ incoming }: { readonly incoming: { readonly socket: Socket | null } }): void {
  incoming.socket?.resetAndDestroy()
}

function writeHeaders(response: ServerResponse, answer: IncomingMessage): void {
  response.sendDate = false
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.rawHeaders)
}
