import { createHash } from 'node:crypto'
import type { ManifestHead } from './manifest-head.ts'

const encoder = new TextEncoder()

/**
 * A manifest as the bytes to store: JSON lines, header first, footer last. The footer holds the number and the SHA-256
 * of everything before it, so a truncated or edited manifest is noticed instead of half read.
 */
export function renderHead({ header, lines }: ManifestHead): Uint8Array {
  let text = `${JSON.stringify(header)}\n`
  for (const line of lines.values()) text += `${line.text}\n`
  const content = encoder.encode(text)
  const sha256 = createHash('sha256').update(content).digest('hex')
  const footer = encoder.encode(`${JSON.stringify({ _: 'end', lines: lines.size + 1, sha256 })}\n`)
  return Buffer.concat([content, footer])
}
