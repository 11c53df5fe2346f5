import { DATA_FORMATS, namespacePath } from '@umbra/core'
import type { ManifestEntry, Namespace } from '@umbra/core'
import { z } from 'zod'

const time = z.string().refine((text) => {
  const date = new Date(text)
  return !Number.isNaN(date.getTime()) && date.toISOString() === text
})

const entrySchema = z.object({
  id: z.string().min(1),
  module: z.string(),
  user_id: z.string(),
  timestamp: time,
  data_type: z.enum(DATA_FORMATS),
  key: z.string(),
  etag: z.string(),
  size: z.int().min(0),
  metadata: z.record(z.string(), z.json()),
  rev: z.int().min(1),
  op: z.enum(['put', 'del']),
  sha256: z.string().regex(/^(?:[0-9a-f]{64})?$/),
  record_count: z.int().min(0).nullable(),
  text: z.string(),
  text_truncated: z.literal(true).exactOptional(),
  updated_at: time.exactOptional(),
  content_type: z.string().exactOptional(),
  filename: z.string().exactOptional(),
})

/** An entry of this namespace, from a place that no hash vouches for; undefined for anything else. */
export function parseEntry(value: unknown, namespace: Namespace): ManifestEntry | undefined {
  const parsed = entrySchema.safeParse(value)
  if (!parsed.success) return undefined
  const entry = parsed.data
  const isOwn =
    entry.module === namespace.module &&
    entry.user_id === namespace.userId &&
    entry.key.startsWith(`${namespacePath(namespace)}/`)
  return isOwn ? entry : undefined
}
