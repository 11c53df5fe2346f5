import { systemClock } from '@umbra/core'
import type { ObjectStore, RetryContext } from '@umbra/core'
import type { R2Settings } from '../r2-settings.ts'
import type { R2Context } from './r2-context.ts'
import { createR2ObjectStore } from './r2-object-store.ts'
import { createS3Client } from './s3-client.ts'

export const FAST_RETRY: RetryContext = {
  policy: { maxAttempts: 3, baseDelayMs: 1, maxDelayMs: 1 },
  clock: systemClock,
  random: () => 0,
}

export function openStore(settings: R2Settings): {
  context: R2Context
  store: ObjectStore
  close: () => void
} {
  const client = createS3Client(settings)
  const context: R2Context = {
    client,
    bucket: settings.bucket,
    requestTimeoutMs: settings.requestTimeoutMs ?? 30_000,
    pieceRetry: FAST_RETRY,
  }
  return { context, store: createR2ObjectStore(context), close: () => client.destroy() }
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}
