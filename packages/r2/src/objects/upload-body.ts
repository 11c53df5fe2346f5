import { Readable } from 'node:stream'
import { isUmbraError, UmbraError } from '@umbra/core'
import type { ObjectBody } from '@umbra/core'

/** What is handed to the SDK for one attempt. */
type SentBody = Uint8Array | Readable

interface ByteSpan {
  readonly start: number
  /** Exclusive. */
  readonly end: number
}

/** Uplinks slower than this time out: 256 KiB/s, bytes per millisecond. */
const SLOWEST_UPLINK = 256

/** A slow uplink is not a dead store: time for the answer plus time for the bytes. */
export function uploadTimeoutMs(requestTimeoutMs: number, sizeBytes: number): number {
  return requestTimeoutMs + Math.ceil(sizeBytes / SLOWEST_UPLINK)
}

export function bodySize(body: ObjectBody): number {
  return body instanceof Uint8Array ? body.byteLength : body.size
}

/**
 * Runs one upload attempt with a fresh reading of the body or of a span of it. The SDK neither notices that a
 * source stream failed nor closes it when the request does; both are done here, so no attempt hangs or leaks a file.
 */
export async function withUploadBody<T>(
  body: ObjectBody,
  span: ByteSpan,
  send: (body: SentBody, sourceFailed: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (body instanceof Uint8Array) return send(body.subarray(span.start, span.end), undefined)
  if (body.bytes !== undefined) return withUploadBody(body.bytes, span, send)
  if (span.start === span.end) return send(new Uint8Array(), undefined)
  const failure = new AbortController()
  const stream = Readable.from(body.stream({ start: span.start, end: span.end - 1 }), { objectMode: false })
  stream.on('error', (error) => failure.abort(error))
  try {
    return await send(stream, failure.signal)
  } catch (error) {
    throw failure.signal.aborted ? unreadableBody(failure.signal.reason) : error
  } finally {
    stream.destroy()
  }
}

function unreadableBody(cause: unknown): UmbraError {
  if (isUmbraError(cause)) return cause
  return new UmbraError('INTERNAL', 'the body could not be read while it was sent; store it again', {
    cause,
    details: { outcome: 'not-applied' },
  })
}
