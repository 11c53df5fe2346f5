import { DeleteObjectsCommand } from '@aws-sdk/client-s3'
import { withRetry } from '@umbra/core'
import type { DeleteFailure, DeleteOutcome } from '@umbra/core'
import type { R2Context } from './r2-context.ts'
import { toR2Error } from './r2-error.ts'

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
const MAX_KEYS_PER_REQUEST = 1_000

/** An answer of 200 does not mean that anything was deleted: each key has its own result, and one without is a failure. */
export async function deleteMany(context: R2Context, keys: readonly string[]): Promise<DeleteOutcome> {
  const deleted: string[] = []
  const failed: DeleteFailure[] = []
  for (let start = 0; start < keys.length; start += MAX_KEYS_PER_REQUEST) {
    const batch = keys.slice(start, start + MAX_KEYS_PER_REQUEST)
    const outcome = await withRetry(() => deleteBatch(context, batch), context.pieceRetry)
    deleted.push(...outcome.deleted)
    failed.push(...outcome.failed)
  }
  return { deleted, failed }
}

async function deleteBatch(context: R2Context, keys: readonly string[]): Promise<DeleteOutcome> {
  const command = new DeleteObjectsCommand({
    Bucket: context.bucket,
    Delete: { Objects: keys.map((key) => ({ Key: key })) },
  })
  const answer = await context.client.send(command).catch((error: unknown) => {
    throw toR2Error(error, { operation: 'deleteMany', key: keys[0] ?? '', effect: 'write' })
  })
  const confirmed = new Set(answer.Deleted?.map((object) => object.Key))
  const refused = new Map(answer.Errors?.map((error) => [error.Key, error]))
  const deleted = keys.filter((key) => confirmed.has(key) && !refused.has(key))
  const failed = keys
    .filter((key) => !confirmed.has(key) || refused.has(key))
    .map((key) => ({
      key,
      code: refused.get(key)?.Code ?? 'NoResult',
      message: refused.get(key)?.Message ?? 'the store did not say what became of this key',
    }))
  return { deleted, failed }
}
