import { createHash } from 'node:crypto'
import { compressHead } from './head-compression.ts'
import type { ManifestHead } from './manifest-head.ts'

const encoder = new TextEncoder()

/**
 * A manifest as the bytes to store: JSON lines, header first, then the parts, the entries and the footer. The footer
 * holds the number and the SHA-256 of everything before it, so a truncated or edited manifest is noticed instead of half
 * read. A large one is compressed as a whole.
 */
export function renderHead({ header, parts, garbage, tail }: ManifestHead): Uint8Array {
  let text = `${JSON.stringify(header)}\n`
  for (const part of parts) text += `${JSON.stringify(part)}\n`
  if (garbage !== undefined) text += `${JSON.stringify(garbage)}\n`
  for (const line of tail) text += `${line.text}\n`
  const content = encoder.encode(text)
  const sha256 = createHash('sha256').update(content).digest('hex')
  const lines = 1 + parts.length + (garbage === undefined ? 0 : 1) + tail.length
  const footer = encoder.encode(`${JSON.stringify({ _: 'end', lines, sha256 })}\n`)
  return compressHead(Buffer.concat([content, footer]))
}
