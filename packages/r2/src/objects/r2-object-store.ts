import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { UmbraError } from '@umbra/core'
import type { ObjectBody, ObjectStore, PutOptions } from '@umbra/core'
import { deleteMany } from './delete-many.ts'
import { fromEtagHeader, toEtagHeader } from './etag-header.ts'
import { listFolders, listObjects } from './list-objects.ts'
import { uploadInParts } from './multipart-upload.ts'
import { createFewPerTurn } from './few-per-turn.ts'
import { encodeMetadata } from './object-metadata.ts'
import type { R2Context } from './r2-context.ts'
import { isAbsent, toR2Error } from './r2-error.ts'
import { getObject, headObject } from './read-object.ts'
import { bodySize, uploadTimeoutMs, withUploadBody } from './upload-body.ts'

/**
 * Bodies above this go up in parts, bytes. One request is the cheaper way (each part is billed), but a failure near
 * the end of a large one costs all of it.
 */
export const MULTIPART_THRESHOLD_BYTES = 32 * 1024 ** 2

/** The {@link ObjectStore} of one bucket over the S3 API. */
export function createR2ObjectStore(context: R2Context): ObjectStore {
  const turn = createFewPerTurn()
  return {
    put: async (key, body, options = {}) => {
      await turn()
      const large = bodySize(body) > MULTIPART_THRESHOLD_BYTES
      const etag = await (large
        ? putLarge(context, key, body, options)
        : putWhole(context, key, body, options))
      if (etag !== undefined) return { etag: fromEtagHeader(etag) }
      throw new UmbraError('UNSUPPORTED', `the store stored an object without naming its etag. key=${key}`)
    },
    get: async (key, options = {}) => {
      await turn()
      return getObject(context, key, options)
    },
    head: async (key) => {
      await turn()
      return headObject(context, key)
    },
    list: (prefix, options = {}) => listObjects(context, prefix, options),
    listFolders: (prefix) => listFolders(context, prefix),
    delete: async (key) => {
      await context.client
        .send(new DeleteObjectCommand({ Bucket: context.bucket, Key: key }))
        .catch((error) => {
          if (!isAbsent(error)) throw toR2Error(error, { operation: 'delete', key, effect: 'write' })
        })
    },
    deleteMany: (keys) => deleteMany(context, keys),
  }
}

async function putWhole(
  context: R2Context,
  key: string,
  body: ObjectBody,
  options: PutOptions,
): Promise<string | undefined> {
  const size = bodySize(body)
  return withUploadBody(body, { start: 0, end: size }, async (content, sourceFailed) => {
    const command = new PutObjectCommand({
      Bucket: context.bucket,
      Key: key,
      Body: content,
      ContentLength: size,
      ContentType: options.contentType,
      Metadata: options.metadata && encodeMetadata(options.metadata),
      IfMatch: options.ifMatch === undefined ? undefined : toEtagHeader(options.ifMatch),
      IfNoneMatch: options.ifNoneMatch,
    })
    const signals = [options.signal, sourceFailed].filter((signal) => signal !== undefined)
    const requestTimeout = uploadTimeoutMs(context.requestTimeoutMs, size)
    const answer = await context.client
      .send(command, { requestTimeout, ...(signals.length > 0 && { abortSignal: AbortSignal.any(signals) }) })
      .catch((error: unknown) => {
        // Some stores answer 404 to If-Match when there is nothing to match.
        if (options.ifMatch !== undefined && isAbsent(error)) throw lostRace(key)
        throw toR2Error(error, { operation: 'put', key, effect: 'write' })
      })
    return answer.ETag
  })
}

async function putLarge(
  context: R2Context,
  key: string,
  body: ObjectBody,
  options: PutOptions,
): Promise<string | undefined> {
  if (options.ifMatch !== undefined) {
    const message = `a body sent in parts cannot replace a given version; store it under a new key. key=${key}`
    throw new UmbraError('UNSUPPORTED', message, { details: { key, bytes: bodySize(body) } })
  }
  return uploadInParts(context, {
    key,
    body,
    contentType: options.contentType,
    metadata: options.metadata && encodeMetadata(options.metadata),
    signal: options.signal,
    // R2 ignores conditions on the request that joins the parts, so this is the last moment to look.
    beforeComplete: async () => {
      if (options.ifNoneMatch === '*' && (await headObject(context, key)) !== undefined) throw lostRace(key)
    },
  })
}

function lostRace(key: string): UmbraError {
  return new UmbraError(
    'PRECONDITION_FAILED',
    `r2 holds another version; read it again and decide. key=${key}`,
    {
      details: { operation: 'put', key, outcome: 'not-applied' },
    },
  )
}
