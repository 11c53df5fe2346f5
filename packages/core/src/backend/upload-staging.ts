import type { Namespace } from '../records/namespace.ts'

export interface PresignUploadOptions {
  /** Seconds, 1 to 604,800. */
  readonly expiresInSeconds: number
  /** Bound into the signature: the uploader must send exactly this type. */
  readonly contentType: string
}

export interface StagedUpload {
  /** Bytes. */
  readonly size: number
  readonly contentType: string
  stream(): AsyncIterable<Uint8Array>
}

/** A holding area outside every namespace's data: an upload becomes a record only when it is finalized. */
export interface UploadStaging {
  presign(namespace: Namespace, uploadId: string, options: PresignUploadOptions): Promise<string>
  open(namespace: Namespace, uploadId: string): Promise<StagedUpload | undefined>
  delete(namespace: Namespace, uploadId: string): Promise<void>
}
