import type { UploadStaging } from '../backend/upload-staging.ts'
import { hasErrorCode, UmbraError } from '../errors/umbra-error.ts'
import type { StorageRecordInfo } from '../records/storage-record.ts'
import { finalizeUploadSchema, presignUploadSchema } from './input-schemas.ts'
import type { ParsedFinalizeRequest } from './input-schemas.ts'
import type { ManagerContext } from './manager-context.ts'
import { parseInput } from './parse-input.ts'
import { parseMetadata } from './record-metadata.ts'
import type { RecordWriter } from './record-writer.ts'
import type { FinalizeUploadRequest, PresignUploadRequest } from './store-options.ts'
import { toRecordInfo } from './to-record-info.ts'

/** Files that clients send straight to the object store, and that become records afterwards. */
export class UploadManager {
  readonly #context: ManagerContext
  readonly #writer: RecordWriter

  constructor(context: ManagerContext, writer: RecordWriter) {
    this.#context = context
    this.#writer = writer
  }

  async create(request: PresignUploadRequest): Promise<{ uploadId: string; url: string }> {
    const { contentType, expiresIn, ...namespace } = parseInput(presignUploadSchema, request)
    const uploadId = this.#context.ids.next(this.#context.clock.now())
    const url = await this.#staging().presign(namespace, uploadId, {
      expiresInSeconds: expiresIn,
      contentType,
    })
    return { uploadId, url }
  }

  async finalize(request: FinalizeUploadRequest): Promise<StorageRecordInfo> {
    const { metadata, ...parsed } = parseInput(finalizeUploadSchema, request)
    // Checked before the upload is opened: an opened download must be read.
    const checked = metadata === undefined ? {} : { metadata: parseMetadata(metadata) }
    const done = await this.#context.backend.getEntry(parsed, parsed.uploadId)
    if (done !== undefined) return toRecordInfo(done)
    try {
      return await this.#makeRecord({ ...parsed, ...checked })
    } catch (error) {
      if (!hasErrorCode(error, 'ALREADY_EXISTS', 'NOT_FOUND')) throw error
      // Somebody else finalized it at the same time.
      const theirs = await this.#context.backend.getEntry(parsed, parsed.uploadId)
      if (theirs === undefined) throw error
      return toRecordInfo(theirs)
    }
  }

  async #makeRecord({
    uploadId,
    filename,
    metadata,
    ...namespace
  }: ParsedFinalizeRequest): Promise<StorageRecordInfo> {
    const staging = this.#staging()
    const staged = await staging.open(namespace, uploadId)
    if (staged === undefined) throw notUploaded(uploadId)
    const encoded = await this.#writer.encode({
      ...namespace,
      id: uploadId,
      data: staged.stream(),
      dataFormat: 'binary',
      contentType: staged.contentType,
      filename,
      metadata,
    })
    try {
      const [stored] = await this.#writer.create(namespace, [encoded])
      if (stored === undefined) throw new UmbraError('INTERNAL', 'the backend returned no entry for a commit')
      // Best effort: a leftover is outside every namespace and a lifecycle rule on `uploads/` expires it.
      await staging.delete(namespace, uploadId).catch(() => undefined)
      return toRecordInfo(stored)
    } finally {
      await encoded.body.dispose()
    }
  }

  #staging(): UploadStaging {
    const { uploads, capabilities } = this.#context.backend
    if (uploads !== undefined) return uploads
    const capability = capabilities.presignedUpload
    const reason = capability === true ? 'not available' : capability.missing
    throw new UmbraError('UNSUPPORTED', `upload links: ${reason}`, {
      details: { capability: 'presignedUpload' },
    })
  }
}

function notUploaded(uploadId: string): UmbraError {
  return new UmbraError(
    'NOT_FOUND',
    `nothing was uploaded yet; PUT the file to the upload's url first. id=${uploadId}`,
    { details: { uploadId } },
  )
}
