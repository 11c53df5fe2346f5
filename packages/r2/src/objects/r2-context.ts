import type { S3Client } from '@aws-sdk/client-s3'
import type { RetryContext } from '@umbra/core'

/** What every operation on the bucket needs. */
export interface R2Context {
  readonly client: S3Client
  readonly bucket: string
  /** Milliseconds to an answer, and between two pieces of its body. */
  readonly requestTimeoutMs: number
  /** How the pieces of a long operation are retried, each of which is safe to repeat: parts of an upload, pages of a listing, batches of a deletion. */
  readonly pieceRetry: RetryContext
}
