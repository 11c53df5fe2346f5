import { deepStrictEqual } from 'node:assert'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sumEntries } from '@umbra/core'
import type { ManifestEntry } from '@umbra/core'
import { collect } from '../parquet/parquet.fixture.ts'
import { compareIds, entryArbitrary } from './entries.fixture.ts'
import { each, makeEntry, toPart, useRunFormat } from './runs.fixture.ts'

const bench = useRunFormat()

describe('any entries', () => {
  it('come back exactly, by id, and the run says of them what is true', async () => {
    const entries = fc.uniqueArray(entryArbitrary, { minLength: 1, maxLength: 30, selector: ({ id }) => id })
    await fc.assert(fc.asyncProperty(entries, checkRoundTrip), { numRuns: 30 })
  })

  async function checkRoundTrip(entries: ManifestEntry[]): Promise<void> {
    const sorted = entries.toSorted(compareIds)
    const written = await bench.format.write(each(entries), bench.freshPath())
    const part = toPart(written)
    const back = await collect(bench.format.readAll(part))
    deepStrictEqual(back, sorted)
    // The order of keys too.
    expect(back.map(({ metadata }) => JSON.stringify(metadata))).toEqual(
      sorted.map(({ metadata }) => JSON.stringify(metadata)),
    )
    const found = await bench.format.lookup(part, [...entries.map(({ id }) => id), 'absent'])
    deepStrictEqual(found, new Map(entries.map((entry) => [entry.id, entry])))
    const times = entries.map(({ timestamp }) => timestamp).toSorted()
    const bytes = await readFile(part.path)
    expect(written).toMatchObject({
      rows: entries.length,
      dels: entries.filter(({ op }) => op === 'del').length,
      ids: [sorted[0]?.id, sorted.at(-1)?.id],
      at: [times[0], times.at(-1)],
      bytes: bytes.byteLength,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      sum: sumEntries(entries),
    })
  }
})

describe('what a run cannot hold exactly', () => {
  it.each([
    ['id', { id: 'a\ud800' }],
    ['text', { text: '\udc00' }],
    ['filename', { filename: '\ud800' }],
    ['key', { key: '\ud800' }],
    ['timestamp', { timestamp: '2026-01-02T03:04:05Z' }],
    ['timestamp', { timestamp: '+012026-01-02T03:04:05.000Z' }],
    ['updated_at', { updated_at: 'yesterday' }],
    ['rev', { rev: 2 ** 53 }],
    ['size', { size: 1.5 }],
    ['record_count', { record_count: Number.NaN }],
  ] satisfies [string, Partial<ManifestEntry>][])('is refused by name: %s', async (field, changes) => {
    const writing = bench.format.write(each([makeEntry('a', changes)]), bench.freshPath())
    await expect(writing).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { field } })
  })

  it('is a field of a newer format', async () => {
    const newer = { ...makeEntry('a'), expires_at: 'tomorrow' }
    const writing = bench.format.write(each([newer]), bench.freshPath())
    await expect(writing).rejects.toMatchObject({ code: 'UNSUPPORTED', details: { field: 'expires_at' } })
  })
})
