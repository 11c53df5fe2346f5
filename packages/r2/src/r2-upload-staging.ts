import { uploadKey } from '@umbra/core'
import type { ObjectStore, PresignDownloadOptions, PresignUploadOptions, UploadStaging } from '@umbra/core'

/** Links that need no credentials, to objects of one bucket. */
export interface ObjectLinks {
  presignDownload(key: string, options: PresignDownloadOptions): Promise<string>
  presignUpload(key: string, options: PresignUploadOptions): Promise<string>
}

/** The `uploads/` folder: files wait here until they are made records. */
export function createUploadStaging(objects: ObjectStore, links: ObjectLinks): UploadStaging {
  return {
    presign: (namespace, uploadId, options) => links.presignUpload(uploadKey(namespace, uploadId), options),
    async open(namespace, uploadId) {
      const found = await objects.get(uploadKey(namespace, uploadId))
      if (found?.kind !== 'found') return undefined
      return {
        size: found.size,
        contentType: found.contentType ?? 'application/octet-stream',
        stream: () => found.body,
      }
    },
    delete: (namespace, uploadId) => objects.delete(uploadKey(namespace, uploadId)),
  }
}
