import type { ManifestEntry } from '@umbra/core'
import { describe, expect, it } from 'vitest'
import { mergeSorted } from './merge-sorted.ts'
import type { SortedSource } from './merge-sorted.ts'

const at = (minute: number) => new Date(Date.parse('2026-01-01T00:00:00Z') + minute * 60_000).toISOString()

function entry(minute: number): ManifestEntry {
  return {
    id: `id${minute}`,
    module: 'm',
    user_id: 'u',
    timestamp: at(minute),
    data_type: 'json',
    key: `m/u/${minute}`,
    etag: '',
    size: 0,
    metadata: {},
    rev: 1,
    op: 'put',
    sha256: '',
    record_count: null,
    text: '',
  }
}

describe('mergeSorted', () => {
  it.each([
    ['newest' as const, 'last', [29, 28]],
    ['oldest' as const, 'first', [0, 1]],
  ])(
    'opens only the source that holds the %s entries when nothing is in memory',
    async (order, name, minutes) => {
      const opened: string[] = []
      const source = (label: string, from: number): SortedSource => {
        const entries = Array.from({ length: 10 }, (_, n) => entry(from + n))
        const sorted = order === 'newest' ? entries.toReversed() : entries
        return {
          bound: sorted[0]?.timestamp,
          entries: () => {
            opened.push(label)
            return sorted
          },
        }
      }
      const sources = [
        { bound: undefined, entries: () => [] },
        source('middle', 10),
        source('first', 0),
        source('last', 20),
      ]
      const merged: string[] = []
      for await (const { timestamp } of mergeSorted(sources, order)) {
        merged.push(timestamp)
        if (merged.length === 2) break
      }
      expect(merged).toEqual(minutes.map(at))
      expect(opened).toEqual([name])
    },
  )
})
