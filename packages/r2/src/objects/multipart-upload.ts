import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import type { CompletedPart } from '@aws-sdk/client-s3'
import { isUmbraError, UmbraError, withRetry } from '@umbra/core'
import type { ObjectBody } from '@umbra/core'
import { planParts } from './part-plan.ts'
import type { Part } from './part-plan.ts'
import type { R2Context } from './r2-context.ts'
import { toR2Error } from './r2-error.ts'
import type { FailedCall } from './r2-error.ts'
import { bodySize, uploadTimeoutMs, withUploadBody } from './upload-body.ts'

/** R2 answers 500 to more parts of one upload at a time: https://github.com/benbjohnson/litestream/pull/951 */
const PARTS_IN_FLIGHT = 3

export interface LargeObject {
  readonly key: string
  readonly body: ObjectBody
  readonly contentType: string | undefined
  /** Already encoded. */
  readonly metadata: Record<string, string> | undefined
  readonly signal: AbortSignal | undefined
  /** Asked just before the parts become an object; rejects to prevent that. */
  readonly beforeComplete: () => Promise<void>
}

interface Upload extends LargeObject {
  readonly uploadId: string
  readonly stop: AbortSignal
}

/** Uploads a body in equal parts. Failing at any point leaves no object and, if the store still answers, no parts. */
export async function uploadInParts(context: R2Context, object: LargeObject): Promise<string | undefined> {
  const uploadId = await createUpload(context, object)
  const failure = new AbortController()
  const stop = object.signal === undefined ? failure.signal : AbortSignal.any([object.signal, failure.signal])
  const upload: Upload = { ...object, uploadId, stop }
  try {
    const parts = await sendParts(context, upload, failure)
    await object.beforeComplete()
    return await completeUpload(context, upload, parts)
  } catch (error) {
    await abortUpload(context, upload)
    throw error
  }
}

async function createUpload(context: R2Context, object: LargeObject): Promise<string> {
  const command = new CreateMultipartUploadCommand({
    Bucket: context.bucket,
    Key: object.key,
    ContentType: object.contentType,
    Metadata: object.metadata,
  })
  const create = () =>
    context.client
      .send(command, object.signal && { abortSignal: object.signal })
      .catch(failed(object, 'createMultipartUpload', 'none'))
  // One whose name was lost is dropped by R2 after seven days, like any that was not finished.
  const { UploadId: uploadId } = await withRetry(create, context.pieceRetry)
  if (uploadId === undefined) {
    throw new UmbraError('UNSUPPORTED', `the store started an upload without naming it. key=${object.key}`)
  }
  return uploadId
}

/** A few senders share one queue of parts; the first failure stops them all, and none outlives this call. */
async function sendParts(
  context: R2Context,
  upload: Upload,
  failure: AbortController,
): Promise<CompletedPart[]> {
  const queue = planParts(bodySize(upload.body)).values()
  const done: CompletedPart[] = []
  const sender = async (): Promise<void> => {
    try {
      for (const part of queue) done.push(await sendPart(context, upload, part))
    } catch (error) {
      failure.abort(error)
    }
  }
  await Promise.all(Array.from({ length: PARTS_IN_FLIGHT }, sender))
  if (failure.signal.aborted) throw failure.signal.reason
  return done.sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0))
}

async function sendPart(context: R2Context, upload: Upload, part: Part): Promise<CompletedPart> {
  const size = part.end - part.start
  const attempt = (): Promise<CompletedPart> =>
    withUploadBody(upload.body, part, async (body, sourceFailed) => {
      const command = new UploadPartCommand({
        Bucket: context.bucket,
        Key: upload.key,
        UploadId: upload.uploadId,
        PartNumber: part.number,
        ContentLength: size,
        Body: body,
      })
      const answer = await context.client
        .send(command, {
          abortSignal:
            sourceFailed === undefined ? upload.stop : AbortSignal.any([upload.stop, sourceFailed]),
          requestTimeout: uploadTimeoutMs(context.requestTimeoutMs, size),
        })
        .catch(failed(upload, 'uploadPart', 'none'))
      return { PartNumber: part.number, ETag: answer.ETag }
    })
  const shouldRetry = (error: unknown): boolean =>
    isUmbraError(error) && error.retryable && !upload.stop.aborted
  return withRetry(attempt, { ...context.pieceRetry, shouldRetry })
}

async function completeUpload(
  context: R2Context,
  upload: Upload,
  parts: CompletedPart[],
): Promise<string | undefined> {
  const command = new CompleteMultipartUploadCommand({
    Bucket: context.bucket,
    Key: upload.key,
    UploadId: upload.uploadId,
    MultipartUpload: { Parts: parts },
  })
  const answer = await context.client
    .send(command, {
      abortSignal: upload.stop,
      requestTimeout: uploadTimeoutMs(context.requestTimeoutMs, bodySize(upload.body)),
    })
    .catch(failed(upload, 'completeMultipartUpload', 'write'))
  return answer.ETag
}

/** Until the parts are joined there is no object, so an earlier failure has no effect for certain. */
function failed(
  object: LargeObject,
  operation: string,
  effect: FailedCall['effect'],
): (error: unknown) => never {
  return (error) => {
    throw toR2Error(error, { operation, key: object.key, effect })
  }
}

async function abortUpload(context: R2Context, upload: Upload): Promise<void> {
  const { key, uploadId } = upload
  const command = new AbortMultipartUploadCommand({ Bucket: context.bucket, Key: key, UploadId: uploadId })
  // Best effort: the failure that led here is the one to report, and R2 drops unfinished uploads after seven days.
  await context.client.send(command).catch(() => {})
}
