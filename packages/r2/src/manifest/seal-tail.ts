import { createHash } from 'node:crypto'
import { oneChunk, partsPrefix, withRetry } from '@umbra/core'
import type { ManifestHead, Namespace, SealedTail } from '@umbra/core'
import type { ManifestContext } from './manifest-context.ts'
import { summarize } from './part-summary.ts'

/** Whether the tail is beyond its bounds, taken `times` over. */
export function isTailFull(head: ManifestHead, limits: ManifestContext['limits'], times = 1): boolean {
  if (head.tail.length > limits.tailLines * times) return true
  let bytes = 0
  for (const line of head.tail) bytes += line.text.length
  return bytes > limits.tailBytes * times
}

/**
 * Copies the whole tail to a segment. The head is not changed: the swap moves the lines when it is applied, provided
 * that they are still the beginning of the tail.
 */
export async function sealTail(
  namespace: Namespace,
  head: ManifestHead,
  context: ManifestContext,
): Promise<SealedTail> {
  const now = context.clock.now()
  const { seq } = head.header
  const bytes = new TextEncoder().encode(head.tail.map(({ text }) => `${text}\n`).join(''))
  const name = `${String(seq).padStart(12, '0')}-${context.ids.next(now)}`
  const part = {
    _: 'seg',
    key: `${partsPrefix(namespace)}s/${name}.jsonl`,
    level: 0,
    ...summarize(head.tail.map(({ entry }) => entry)),
    seq: [(head.parts.at(-1)?.seq[1] ?? 0) + 1, seq],
    bytes: bytes.byteLength,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  } as const
  // Nobody else can name the key, so whatever has it is this very segment.
  const options = { contentType: 'application/x-ndjson' }
  await withRetry(() => context.objects.put(part.key, bytes, options), context.retry)
  // So that neither the next reads nor the merge fetch it; a cache that cannot take it is no reason not to seal.
  await context.cache.open(part, async () => oneChunk(bytes)).catch(() => undefined)
  return { kind: 'seal', lines: head.tail, part, uploadedAt: new Date(now).toISOString() }
}
