import { uploadKey, withRetry } from '@umbra/core'
import type {
  ObjectStore,
  PresignDownloadOptions,
  PresignUploadOptions,
  RetryContext,
  UploadStaging,
} from '@umbra/core'

/** Links that need no credentials, to objects of one bucket. */
export interface ObjectLinks {
  presignDownload(key: string, options: PresignDownloadOptions): Promise<string>
  presignUpload(key: string, options: PresignUploadOptions): Promise<string>
}

/** The `uploads/` folder: files wait here until they are made records. */
export function createUploadStaging(
  { objects, retry }: { readonly objects: ObjectStore; readonly retry: RetryContext },
  links: ObjectLinks,
): UploadStaging {
  return {
    presign: (namespace, uploadId, options) => links.presignUpload(uploadKey(namespace, uploadId), options),
    async open(namespace, uploadId) {
      const found = await withRetry(() => objects.get(uploadKey(namespace, uploadId)), retry)
      if (found?.kind !== 'found') return undefined
      return {
        size: found.size,
        contentType: found.contentType ?? 'application/octet-stream',
        stream: () => found.body,
      }
    },
    delete: (namespace, uploadId) => withRetry(() => objects.delete(uploadKey(namespace, uploadId)), retry),
  }
}
