import type { ManifestEntry } from './manifest-entry.ts'

const RECORD_ETAG = /^([1-9]\d{0,9})-([0-9a-f]{32})$/

/**
 * The record's version: revision and content hash. Equal on every backend, so an `ifMatch` taken
 * before a failover still works after it; unique per revision, so there is no ABA.
 */
export function recordEtag(entry: Pick<ManifestEntry, 'rev' | 'sha256'>): string {
  return `${entry.rev}-${entry.sha256.slice(0, 32).padEnd(32, '0')}`
}

/** The revision an etag is of; NaN when it is none of ours. */
export function etagRevision(etag: string): number {
  return Number.parseInt(etag, 10)
}

export function isRecordEtag(value: string): boolean {
  return RECORD_ETAG.test(value)
}
