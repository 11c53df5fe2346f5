import { UmbraError } from '@umbra/core'

const METADATA_PREFIX = 'metadata.'

/** A query string as an object, `metadata.<key>` parameters gathered under `metadata`. @throws `INVALID_INPUT` for a repeated one */
export function readQuery(url: string): Record<string, unknown> {
  const start = url.indexOf('?')
  if (start === -1) return {}
  const plain = new Map<string, unknown>()
  const metadata = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(url.slice(start))) {
    const isMetadata = name.startsWith(METADATA_PREFIX) && name.length > METADATA_PREFIX.length
    const target = isMetadata ? metadata : plain
    const key = isMetadata ? name.slice(METADATA_PREFIX.length) : name
    if (target.has(key) || (!isMetadata && name === 'metadata')) throw invalid(name)
    target.set(key, value)
  }
  if (metadata.size > 0) plain.set('metadata', Object.fromEntries(metadata))
  return Object.fromEntries(plain)
}

function invalid(name: string): UmbraError {
  const problem = name === 'metadata' ? 'is written metadata.<key>=<value>' : 'must occur once'
  return new UmbraError('INVALID_INPUT', `${name}: ${problem}`, { details: { field: name } })
}
