import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { collectBytes } from '../bodies/collect-bytes.ts'
import { decodeJsonLines, encodeJsonLines } from './json-lines.ts'

async function* split(bytes: Uint8Array, sizeBytes: number) {
  for (let start = 0; start < bytes.byteLength; start += sizeBytes)
    yield bytes.subarray(start, start + sizeBytes)
}

async function collectRows(source: AsyncIterable<unknown>): Promise<unknown[]> {
  const rows: unknown[] = []
  for await (const row of source) rows.push(row)
  return rows
}

describe('JSON lines', () => {
  it('come back as they went in, whatever the rows and wherever the chunks are cut', async () => {
    const row = fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value)))
    await fc.assert(
      fc.asyncProperty(fc.array(row), fc.integer({ min: 1, max: 40 }), async (rows, sizeBytes) => {
        const bytes = await collectBytes(encodeJsonLines(rows, () => {}))
        expect(await collectRows(decodeJsonLines(split(bytes, sizeBytes)))).toEqual(rows)
      }),
    )
  })

  it('keep a byte order mark that belongs to the data', async () => {
    const bytes = await collectBytes(encodeJsonLines(['\u{feff}x'], () => {}))
    expect(await collectRows(decodeJsonLines(split(bytes, 1)))).toEqual(['\u{feff}x'])
  })

  it('name the row and field that JSON cannot hold', async () => {
    const encoding = collectBytes(encodeJsonLines([{ a: 1 }, { a: 1n }], () => {}))
    await expect(encoding).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { field: 'data.records[1].a' },
    })
  })

  it('report a damaged line as corrupt with its number', async () => {
    const damaged = split(new TextEncoder().encode('{"a":1}\n{"a":'), 5)
    await expect(collectRows(decodeJsonLines(damaged))).rejects.toMatchObject({
      code: 'CORRUPT',
      details: { line: 2 },
    })
  })
})
