import { Readable } from 'node:stream'
import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3'
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { collectBytes, UmbraError } from '@umbra/core'
import type { ByteRange, FoundObject, GetOptions, NotModified, ObjectHead } from '@umbra/core'
import { guardedDownload } from './download-stream.ts'
import { toEtagHeader } from './etag-header.ts'
import { onServerDate, toObjectHead } from './object-head.ts'
import type { R2Context } from './r2-context.ts'
import { httpStatusOf, isAbsent, toR2Error } from './r2-error.ts'

export async function getObject(
  context: R2Context,
  key: string,
  options: GetOptions,
): Promise<FoundObject | NotModified | undefined> {
  const command = new GetObjectCommand({
    Bucket: context.bucket,
    Key: key,
    Range: options.range && toRangeHeader(options.range),
    IfMatch: options.ifMatch === undefined ? undefined : toEtagHeader(options.ifMatch),
    IfNoneMatch: options.ifNoneMatch === undefined ? undefined : toEtagHeader(options.ifNoneMatch),
  })
  let serverDate: Date | undefined
  command.middlewareStack.add(
    onServerDate((date) => (serverDate = date)),
    { step: 'deserialize' },
  )
  try {
    const answer = await context.client.send(command, options.signal && { abortSignal: options.signal })
    return toFoundObject(context, key, { answer, serverDate, ranged: options.range !== undefined })
  } catch (error) {
    // The SDK reports every answer without a body it expects as a failure.
    if (httpStatusOf(error) === 304) return { kind: 'not-modified' }
    if (isAbsent(error)) return undefined
    throw toR2Error(error, { operation: 'get', key })
  }
}

export async function headObject(context: R2Context, key: string): Promise<ObjectHead | undefined> {
  const command = new HeadObjectCommand({ Bucket: context.bucket, Key: key })
  let serverDate: Date | undefined
  command.middlewareStack.add(
    onServerDate((date) => (serverDate = date)),
    { step: 'deserialize' },
  )
  try {
    const answer = await context.client.send(command)
    return toObjectHead(key, answer, answer.ContentLength, serverDate)
  } catch (error) {
    if (!isAbsent(error, 'HEAD')) throw toR2Error(error, { operation: 'head', key })
  }
  return headByGet(context, key)
}

/** To a HEAD nobody can say what it is that is not there: the object, the bucket, or a page of something in between. */
async function headByGet(context: R2Context, key: string): Promise<ObjectHead | undefined> {
  const found = await getObject(context, key, {})
  if (found?.kind !== 'found') return undefined
  // It came in between. An unread body would keep its connection.
  for await (const _ of found.body) break
  return found
}

interface Download {
  readonly answer: GetObjectCommandOutput
  readonly serverDate: Date | undefined
  readonly ranged: boolean
}

function toFoundObject(
  context: R2Context,
  key: string,
  { answer, serverDate, ranged }: Download,
): FoundObject {
  const { Body: stream, ContentLength: bytes } = answer
  if (!(stream instanceof Readable))
    throw new UmbraError('INTERNAL', `the object came without a body. key=${key}`)
  try {
    const size = ranged ? fullSize(key, answer.ContentRange) : bytes
    const head = toObjectHead(key, answer, size, serverDate)
    const body = guardedDownload(stream, { key, bytes: bytes ?? 0, idleTimeoutMs: context.requestTimeoutMs })
    return { kind: 'found', ...head, body, bytes: () => collectBytes(body) }
  } catch (error) {
    // Nobody will read it, and an unread body would keep its connection.
    stream.destroy()
    throw error
  }
}

function toRangeHeader(range: ByteRange): string {
  return `bytes=${range.start}-${range.end ?? ''}`
}

/** `bytes 0-9/1234`. Without it the store has ignored the range and sends other bytes than asked for. */
function fullSize(key: string, contentRange: string | undefined): number {
  const size = /\/(\d+)$/.exec(contentRange ?? '')?.[1]
  if (size === undefined) throw new UmbraError('UNSUPPORTED', `the store ignores ranges. key=${key}`)
  return Number(size)
}
