import { createHash } from 'node:crypto'
import type { ManifestEntry } from '../records/manifest-entry.ts'

const MODULUS = 1n << 256n

/**
 * The sum, modulo 2^256, of {@link entryDigest} over entries, as 64 hex digits. Additive, so a commit costs the same
 * whatever the size of the namespace, and any entry that is lost or doubled shows. It finds accidents, not forgery.
 * After the setsum of Chroma's wal3: https://github.com/chroma-core/chroma/tree/main/rust/wal3
 */
export type LiveSum = string

export const EMPTY_SUM: LiveSum = formatSum(0n)

export function addSums(a: LiveSum, b: LiveSum): LiveSum {
  return formatSum(parseSum(a) + parseSum(b))
}

export function subtractSums(a: LiveSum, b: LiveSum): LiveSum {
  return formatSum(parseSum(a) + MODULUS - parseSum(b))
}

/** The sum over the puts among these entries: tombstones count nothing. */
export function sumEntries(entries: Iterable<ManifestEntry>): LiveSum {
  let sum = 0n
  for (const entry of entries) if (entry.op === 'put') sum += parseSum(entryDigest(entry))
  return formatSum(sum)
}

/**
 * SHA-256 of `rev sha256 key id`, joined by spaces (only an id may hold one, and it is last), so that a database can
 * compute it too: DuckDB's `sha256(rev || ' ' || sha256 || ' ' || key || ' ' || id)`.
 */
export function entryDigest({
  id,
  rev,
  key,
  sha256,
}: Pick<ManifestEntry, 'id' | 'rev' | 'key' | 'sha256'>): LiveSum {
  return createHash('sha256').update(`${rev} ${sha256} ${key} ${id}`).digest('hex')
}

function parseSum(sum: LiveSum): bigint {
  return BigInt(`0x${sum}`)
}

function formatSum(value: bigint): LiveSum {
  return (value % MODULUS).toString(16).padStart(64, '0')
}
