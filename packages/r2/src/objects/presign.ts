import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import type { S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { UmbraError } from '@umbra/core'
import type { PresignDownloadOptions, PresignUploadOptions } from '@umbra/core'
import { attachmentDisposition } from './content-disposition.ts'

/** Seven days: https://developers.cloudflare.com/r2/api/s3/presigned-urls/ */
const MAX_EXPIRY_SECONDS = 604_800

const UPLOAD_PREFIX = 'uploads/'

export interface PresignTarget {
  readonly client: S3Client
  readonly bucket: string
  readonly key: string
}

/**
 * A link that downloads one object with a plain GET, and does nothing else.
 *
 * @throws `INVALID_INPUT` for an expiry that is not a whole number of seconds from 1 to 604,800.
 */
export async function presignDownload(
  target: PresignTarget,
  options: PresignDownloadOptions,
): Promise<string> {
  const expiresIn = checkedExpiry(options.expiresInSeconds)
  const command = new GetObjectCommand({
    Bucket: target.bucket,
    Key: target.key,
    ResponseContentType: options.contentType,
    ResponseContentDisposition:
      options.downloadAs === undefined ? undefined : attachmentDisposition(options.downloadAs),
  })
  command.middlewareStack.add(withoutOperationName, { step: 'build' })
  return getSignedUrl(target.client, command, { expiresIn })
}

/**
 * A link that creates one object below `uploads/` with a plain PUT. The uploader must send exactly this
 * `Content-Type`, and `If-None-Match: *`, so that a leaked link cannot replace what was uploaded.
 *
 * @throws `INVALID_INPUT` as {@link presignDownload}; `FORBIDDEN` for any other key.
 */
export async function presignUpload(target: PresignTarget, options: PresignUploadOptions): Promise<string> {
  const expiresIn = checkedExpiry(options.expiresInSeconds)
  if (!target.key.startsWith(UPLOAD_PREFIX)) {
    throw new UmbraError(
      'FORBIDDEN',
      `upload links are given out only below ${UPLOAD_PREFIX}. key=${target.key}`,
    )
  }
  const command = new PutObjectCommand({
    Bucket: target.bucket,
    Key: target.key,
    ContentType: options.contentType,
    IfNoneMatch: '*',
  })
  command.middlewareStack.add(withoutOperationName, { step: 'build' })
  return getSignedUrl(target.client, command, {
    expiresIn,
    signableHeaders: new Set(['host', 'content-type', 'if-none-match']),
  })
}

function checkedExpiry(seconds: number): number {
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= MAX_EXPIRY_SECONDS) return seconds
  throw new UmbraError(
    'INVALID_INPUT',
    `a link is valid for 1 to ${MAX_EXPIRY_SECONDS} whole seconds. got=${seconds}`,
  )
}

/** Drops the SDK's `x-id` parameter, which is of use to nobody who holds the link. */
function withoutOperationName<Args extends { request: unknown }, Result>(
  next: (args: Args) => Promise<Result>,
) {
  return (args: Args): Promise<Result> => {
    const { request } = args
    if (typeof request === 'object' && request !== null && 'query' in request) {
      const { query } = request
      if (typeof query === 'object' && query !== null) Reflect.deleteProperty(query, 'x-id')
    }
    return next(args)
  }
}
