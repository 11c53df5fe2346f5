import type { R2Environment } from '@umbra/core'
import type { StoredFile } from './output/render-tree.ts'

/** The bucket as any S3 client sees it: objects under keys. */
export interface Bucket {
  readonly name: string
  /** Everything whose key begins with one of the prefixes, in key order. */
  list(prefixes: readonly string[]): Promise<StoredFile[]>
  /** Null when there is no such object. */
  download(key: string): Promise<Uint8Array | null>
  close(): Promise<void>
}

export async function openBucket(settings: R2Environment): Promise<Bucket> {
  // Loaded only here: it brings the AWS SDK, which a chapter on SQLite does without.
  const { createR2StorageManager } = await import('@umbra/unified/local')
  const manager = await createR2StorageManager(settings)
  return {
    name: settings.bucket,
    async list(prefixes) {
      const files: StoredFile[] = []
      for (const prefix of prefixes) {
        for await (const { key, size } of manager.listObjects(prefix)) files.push({ key, size })
      }
      return files
    },
    download: (key) => manager.downloadData(key),
    close: () => manager.close(),
  }
}
