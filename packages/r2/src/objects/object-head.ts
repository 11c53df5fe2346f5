import type { GetObjectCommandOutput, HeadObjectCommandOutput } from '@aws-sdk/client-s3'
import { UmbraError } from '@umbra/core'
import type { ObjectHead } from '@umbra/core'
import { fromEtagHeader } from './etag-header.ts'
import { decodeMetadata } from './object-metadata.ts'

/** What an answer says about an object. `size` is not always its `Content-Length`: that is the range's, if there is one. */
export function toObjectHead(
  key: string,
  answer: GetObjectCommandOutput | HeadObjectCommandOutput,
  size: number | undefined,
  serverDate: Date | undefined,
): ObjectHead {
  const { ETag: etag, LastModified: lastModified } = answer
  if (etag === undefined || size === undefined || lastModified === undefined) {
    throw new UmbraError('UNSUPPORTED', `the store answers without etag, length or date. key=${key}`)
  }
  return {
    etag: fromEtagHeader(etag),
    size,
    metadata: decodeMetadata(answer.Metadata ?? {}),
    contentType: answer.ContentType,
    lastModified,
    serverDate,
  }
}

/** SDK middleware that reports the `Date` header, which no command output carries. */
export function onServerDate(seen: (date: Date) => void) {
  return <Args, Result extends { response: unknown }>(next: (args: Args) => Promise<Result>) =>
    async (args: Args): Promise<Result> => {
      const result = await next(args)
      const date = readDate(result.response)
      if (date !== undefined) seen(date)
      return result
    }
}

function readDate(response: unknown): Date | undefined {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined
  const { headers } = response
  if (typeof headers !== 'object' || headers === null || !('date' in headers)) return undefined
  return typeof headers.date === 'string' ? new Date(headers.date) : undefined
}
