import { gunzipSync } from 'node:zlib'
import { headKey } from '@umbra/core'
import type { Namespace } from '@umbra/core'
import type { Bucket } from '../bucket.ts'
import { confirm } from '../confirm.ts'
import { formatBytes, formatCount, formatDuration } from '../output/format-quantity.ts'
import { renderTree } from '../output/render-tree.ts'
import type { DemoBucket, Stage } from '../stage.ts'
import { startStopwatch } from '../stopwatch.ts'

const MAX_FILES = 3

/** What lies in the bucket can be read without this library. */
export async function showBucket(stage: Stage, demoBucket: DemoBucket): Promise<void> {
  const bucket = await demoBucket.open()
  await showTree(stage, bucket, demoBucket.real)
  await showManifest(stage, bucket)
}

async function showTree({ out, namespaces }: Stage, bucket: Bucket, real: boolean): Promise<void> {
  out.scenario('Look into the bucket')
  out.explain(
    'What is in the bucket can be read without this library: records are plain objects under readable keys. This is ' +
      (real ? "the part of the bucket's listing that this tour wrote." : "the bucket's whole listing."),
  )
  const elapsed = startStopwatch()
  const files = await bucket.list(real ? Object.values(namespaces).flatMap(prefixesOf) : [''])
  out.result(`${formatCount(files.length)} objects, listed in ${formatDuration(elapsed())}`)
  out.data(`${bucket.name}/`)
  for (const line of renderTree(files, { maxFiles: MAX_FILES, width: out.width })) out.data(line)
}

function prefixesOf({ module, userId }: Namespace): string[] {
  return ['manifests', 'manifests.d']
    .map((folder) => `${folder}/${module}/${userId}/`)
    .concat(`${module}/${userId}/`)
}

async function showManifest({ out, namespaces }: Stage, bucket: Bucket): Promise<void> {
  const key = headKey(namespaces.films)
  out.scenario('Read a manifest')
  out.explain(
    'The manifest says which records a user has: JSON lines between a header and a footer with a checksum. The newest ' +
      'entries are in it, older ones in the segments it names, so it stays small. It is the only one of their objects that ' +
      'ever changes, and it changes by conditional writes. Stored as gzip when it is long (`zcat` shows it). Lines are cut to fit.',
  )
  const bytes = (await bucket.download(key)) ?? new Uint8Array()
  const isGzip = bytes[0] === 0x1f
  const text = Buffer.from(isGzip ? gunzipSync(bytes) : bytes).toString()
  const lines = text.trimEnd().split('\n')
  confirm(lines.length > 2, 'the manifest is there and lists something')
  out.data(`${key}  ${formatBytes(bytes.byteLength)}${isGzip ? ', gzip' : ''}`)
  out.data('')
  for (const line of lines.slice(0, 3)) out.data(line)
  if (lines.length > 4) out.data(`... ${formatCount(lines.length - 4)} more lines`)
  out.data(lines.at(-1) ?? '')
}
