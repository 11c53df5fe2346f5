import { z } from 'zod'
import { namespacePath } from '../keys/key-paths.ts'
import type { JsonObject } from '../json.ts'
import { DATA_FORMATS } from '../records/data-format.ts'
import type { ManifestEntry } from '../records/manifest-entry.ts'
import type { Namespace } from '../records/namespace.ts'
import { createEntryText } from '../search/entry-text.ts'
import { sumEntries } from './live-sum.ts'
import { ManifestDefect } from './manifest-defect.ts'
import { toManifestLine } from './manifest-head.ts'
import type { ManifestHead } from './manifest-head.ts'

/** The nine names of the original system's manifest line. One with names of ours too was cut out of a newer manifest. */
const originalEntrySchema = z.object({
  id: z.string().min(1),
  module: z.string(),
  user_id: z.union([z.string(), z.number()]).transform(String),
  timestamp: z.string(),
  data_type: z.string(),
  key: z.string(),
  etag: z.string().nullish(),
  size: z.number().min(0),
  metadata: z.record(z.string(), z.json()).nullish(),
  rev: z.undefined().optional(),
  op: z.undefined().optional(),
})

type OriginalEntry = z.infer<typeof originalEntrySchema>

/** Version 0 of a namespace: what the original system left behind, to be upgraded by the first commit. */
export function parseOriginalManifest(text: string, namespace: Namespace): ManifestHead {
  const entries = new Map<string, ManifestEntry>()
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const entry = upgradeEntry(parseEntry(line, index + 1), namespace)
    // The original appended: the last line of an id counts.
    entries.delete(entry.id)
    entries.set(entry.id, entry)
  }
  if (entries.size === 0) throw new ManifestDefect('it is empty')
  return {
    header: {
      _: 'head',
      v: 1,
      module: namespace.module,
      user_id: namespace.userId,
      epoch: '',
      seq: 0,
      commit: '',
      prev: null,
      at: '',
      live: entries.size,
      sum: sumEntries(entries.values()),
      floor: null,
      w: {},
      anchored: false,
      forgotten: 0,
    },
    parts: [],
    garbage: undefined,
    tail: [...entries.values()].map(toManifestLine),
  }
}

function parseEntry(line: string, lineNumber: number): OriginalEntry {
  try {
    return originalEntrySchema.parse(JSON.parse(line))
  } catch {
    throw new ManifestDefect(`line ${lineNumber} is not a manifest entry`)
  }
}

function upgradeEntry(original: OriginalEntry, namespace: Namespace): ManifestEntry {
  if (!original.key.startsWith(`${namespacePath(namespace)}/`)) {
    throw new ManifestDefect(`an entry points outside its namespace: ${original.key}`)
  }
  const metadata: JsonObject = original.metadata ?? {}
  const { text, truncated } = createEntryText({ id: original.id, metadata }).finish()
  return {
    id: original.id,
    module: namespace.module,
    user_id: namespace.userId,
    timestamp: toUtc(original.timestamp),
    data_type: DATA_FORMATS.find((format) => format === original.data_type) ?? 'binary',
    key: original.key,
    etag: (original.etag ?? '').replaceAll('"', ''),
    size: original.size,
    metadata,
    rev: 1,
    op: 'put',
    sha256: '',
    record_count: null,
    text,
    ...(truncated && { text_truncated: true }),
  }
}

/** Python's `isoformat()` names no zone when it means UTC. */
function toUtc(timestamp: string): string {
  const zoned = /(?:Z|[+-]\d{2}:\d{2})$/.test(timestamp) ? timestamp : `${timestamp}Z`
  const date = new Date(zoned)
  if (Number.isNaN(date.getTime())) throw new ManifestDefect(`a timestamp is not a time: ${timestamp}`)
  return date.toISOString()
}
