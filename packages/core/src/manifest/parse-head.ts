import { createHash } from 'node:crypto'
import { z } from 'zod'
import { UmbraError } from '../errors/umbra-error.ts'
import { headKey } from '../keys/key-paths.ts'
import type { ManifestEntry } from '../records/manifest-entry.ts'
import type { Namespace } from '../records/namespace.ts'
import { decompressHead } from './head-compression.ts'
import { ManifestDefect } from './manifest-defect.ts'
import type { HeadHeader, ManifestHead, ManifestLine } from './manifest-head.ts'
import type { GarbagePointer, PartPointer } from './part-pointer.ts'
import { parseOriginalManifest } from './original-manifest.ts'

const headerSchema = z.object({
  _: z.literal('head'),
  v: z.number(),
  module: z.string(),
  user_id: z.string(),
  epoch: z.string(),
  seq: z.int().min(0),
  commit: z.string(),
  prev: z.object({ seq: z.int().min(0), etag: z.string() }).nullable(),
  at: z.string(),
  live: z.int().min(0),
  sum: z.string().regex(/^[0-9a-f]{64}$/),
  floor: z.string().nullable(),
  w: z.record(
    z.string(),
    z.object({
      n: z.int().min(1),
      h: z.string(),
      seq: z.int().min(1),
      at: z.string(),
      skip: z.array(z.int()).exactOptional(),
    }),
  ),
  anchored: z.boolean(),
  forgotten: z.int().min(0),
})

const footerSchema = z.object({ _: z.literal('end'), lines: z.int(), sha256: z.string() })

const PART_KINDS: ReadonlySet<string> = new Set(['seg', 'run'])

const NEWLINE = 10

/**
 * Reads a stored manifest, ours or the original system's, and checks it whole: footer, header, namespace.
 *
 * @throws `CORRUPT` for anything truncated, edited or belonging to another namespace; `UNSUPPORTED` for a newer format.
 */
export function parseHead(bytes: Uint8Array, namespace: Namespace): ManifestHead {
  try {
    const text = decompressHead(bytes)
    return isOurs(text) ? parseOurs(text, namespace) : parseOriginalManifest(decode(text), namespace)
  } catch (error) {
    if (error instanceof ManifestDefect) throw corruptManifest(namespace, error.message)
    throw error
  }
}

export function corruptManifest(namespace: Namespace, reason: string): UmbraError {
  const key = headKey(namespace)
  return new UmbraError(
    'CORRUPT',
    `the manifest is damaged (${reason}); nothing was written; run fsck. key=${key}`,
    {
      details: { key, reason },
    },
  )
}

function isOurs(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 12)).toString('latin1').startsWith('{"_":"head"')
}

function parseOurs(bytes: Uint8Array, namespace: Namespace): ManifestHead {
  const content = verifiedContent(bytes)
  const [headerText = '', ...texts] = decode(content).trimEnd().split('\n')
  const header = parseHeader(headerText, namespace)
  const parts: PartPointer[] = []
  const tail: ManifestLine[] = []
  let garbage: GarbagePointer | undefined
  // The footer's hash has shown that this library wrote the lines.
  for (const text of texts) {
    const line = parseJson(text) as PartPointer | GarbagePointer | ManifestEntry
    if (!('_' in line)) tail.push({ entry: line, text })
    else if (line._ === 'gone') garbage = line
    else if (PART_KINDS.has(line._)) parts.push(line)
    else throw newerParts()
  }
  return { header, parts, garbage, tail }
}

/** Everything before the footer, once the footer has vouched for it. */
function verifiedContent(bytes: Uint8Array): Uint8Array {
  const footerStart = bytes.lastIndexOf(NEWLINE, bytes.byteLength - 2) + 1
  const content = bytes.subarray(0, footerStart)
  const footer = footerSchema.safeParse(parseJson(decode(bytes.subarray(footerStart))))
  if (!footer.success) throw new ManifestDefect('the footer is missing: it is cut short or was edited')
  if (createHash('sha256').update(content).digest('hex') !== footer.data.sha256) {
    throw new ManifestDefect('its content does not match its footer: it was edited')
  }
  return content
}

function parseHeader(text: string, namespace: Namespace): HeadHeader {
  const parsed = headerSchema.safeParse(parseJson(text))
  if (!parsed.success) throw new ManifestDefect('the header is not one')
  const { v, ...header } = parsed.data
  if (v !== 1) {
    throw new UmbraError('UNSUPPORTED', `the manifest has a newer format; upgrade this library. version=${v}`)
  }
  if (header.module !== namespace.module || header.user_id !== namespace.userId) {
    throw new ManifestDefect('it belongs to another namespace')
  }
  return { ...header, v: 1 }
}

function newerParts(): UmbraError {
  return new UmbraError('UNSUPPORTED', 'the manifest has parts of a newer format; upgrade this library')
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Whatever it is, it is not a manifest's line; the caller says what was expected.
    return undefined
  }
}
