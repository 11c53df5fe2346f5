import { createHash } from 'node:crypto'
import type { ManifestEntry } from '../records/manifest-entry.ts'

const MODULUS = 1n << 256n

/**
 * The sum, modulo 2^256, of SHA-256(id, rev, key, sha256) over all live entries. Additive, so a commit costs the same
 * whatever the size of the namespace, and any entry that is lost or doubled shows. It finds accidents, not forgery.
 * After the setsum of Chroma's wal3: https://github.com/chroma-core/chroma/tree/main/rust/wal3
 */
export type LiveSum = string

export const EMPTY_SUM: LiveSum = formatSum(0n)

export function addToSum(sum: LiveSum, entry: ManifestEntry): LiveSum {
  return formatSum(parseSum(sum) + entryDigest(entry))
}

export function subtractFromSum(sum: LiveSum, entry: ManifestEntry): LiveSum {
  return formatSum(parseSum(sum) + MODULUS - entryDigest(entry))
}

export function sumEntries(entries: Iterable<ManifestEntry>): LiveSum {
  let sum = 0n
  for (const entry of entries) if (entry.op === 'put') sum += entryDigest(entry)
  return formatSum(sum)
}

function entryDigest({ id, rev, key, sha256 }: ManifestEntry): bigint {
  return BigInt(
    `0x${createHash('sha256')
      .update(JSON.stringify([id, rev, key, sha256]))
      .digest('hex')}`,
  )
}

function parseSum(sum: LiveSum): bigint {
  return BigInt(`0x${sum}`)
}

function formatSum(value: bigint): LiveSum {
  return (value % MODULUS).toString(16).padStart(64, '0')
}
