import type { Readable } from 'node:stream'
import { UmbraError } from '@umbra/core'
import { toR2Error } from './r2-error.ts'

export interface ExpectedDownload {
  readonly key: string
  /** The `Content-Length` of the answer. */
  readonly bytes: number
  /** Milliseconds without a byte, while somebody waits for one, after which the download has failed. */
  readonly idleTimeoutMs: number
}

/**
 * Passes a body through. The SDK stops watching once the headers are in, so a stalled body would hang for ever;
 * here it rejects with `TIMEOUT`, and an early end with `UNAVAILABLE`. A slow reader is not a stalled store: time
 * runs only while a chunk is awaited.
 */
export async function* guardedDownload(
  stream: Readable,
  expected: ExpectedDownload,
): AsyncGenerator<Uint8Array, void, undefined> {
  const call = { operation: 'get', key: expected.key }
  let received = 0
  let timer = startTimer(stream, expected)
  try {
    for await (const chunk of stream) {
      clearTimeout(timer)
      // The response of node:http without an encoding yields only Buffers.
      const bytes = chunk as Uint8Array
      received += bytes.byteLength
      yield bytes
      timer = startTimer(stream, expected)
    }
  } catch (error) {
    throw toR2Error(error, call)
  } finally {
    clearTimeout(timer)
    stream.destroy()
  }
  if (received !== expected.bytes) {
    throw new UmbraError('UNAVAILABLE', `r2 sent less than it announced; try again. key=${expected.key}`, {
      details: { ...call, expectedBytes: expected.bytes, receivedBytes: received },
    })
  }
}

function startTimer(stream: Readable, { key, idleTimeoutMs }: ExpectedDownload): NodeJS.Timeout {
  return setTimeout(() => {
    const message = `r2 stopped sending in the middle of an object; try again. key=${key}`
    stream.destroy(new UmbraError('TIMEOUT', message, { details: { operation: 'get', key, idleTimeoutMs } }))
  }, idleTimeoutMs)
}
