import { deepStrictEqual } from 'node:assert'
import { readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { describe, expect, it } from 'vitest'
import { createParquetCodec } from './parquet-codec.ts'
import { collect, useCodec } from './parquet.fixture.ts'

const { codec, path } = useCodec()

function* numbered(count: number): Generator<Record<string, unknown>> {
  for (let n = 0; n < count; n++) yield { n, half: n / 2, text: `row ${n}`, even: n % 2 === 0 }
}

describe('a file of ours', () => {
  const rows = [
    {
      id: 1,
      price: 1.5,
      name: 'Ünï😀',
      ok: true,
      at: new Date(1000),
      geo: { lat: 1.5, tags: ['a', null] },
      any: 'x',
    },
    { id: 2, price: 2, name: null, ok: false, at: null, geo: { lat: 2, tags: [] }, any: { k: [1] } },
  ]

  it('opens in another Parquet reader with equal values', async () => {
    const filePath = path('hyparquet.parquet')
    await codec.write(rows, filePath)
    const file = await asyncBufferFromFile(filePath)
    const read = await parquetReadObjects({ file, compressors })
    deepStrictEqual(
      read.map((row) => ({ ...row, id: Number(row['id']) })),
      rows,
    )
  })

  it('has the types a reader expects, and zstd', async () => {
    const filePath = path('types.parquet')
    await codec.write(rows, filePath)
    const metadata = await parquetMetadataAsync(await asyncBufferFromFile(filePath))
    const types = parquetSchema(metadata).children.map(({ element }) => [
      element.name,
      element.type,
      element.converted_type,
    ])
    expect(types).toEqual([
      ['id', 'INT64', 'INT_64'],
      ['price', 'DOUBLE', undefined],
      ['name', 'BYTE_ARRAY', 'UTF8'],
      ['ok', 'BOOLEAN', undefined],
      ['at', 'INT64', 'TIMESTAMP_MICROS'],
      ['geo', undefined, undefined],
      ['any', 'BYTE_ARRAY', 'JSON'],
    ])
    expect(metadata.row_groups[0]?.columns[2]?.meta_data?.codec).toBe('ZSTD')
  })
})

describe('a codec', () => {
  it('writes several files at once', async () => {
    const other = createParquetCodec()
    const counts = [10_000, 20_001, 5]
    const files = counts.map((count) => path(`parallel-${count}.parquet`))
    await Promise.all(
      files.map((file, index) => (index === 1 ? other : codec).write(numbered(counts[index] ?? 0), file)),
    )
    const read = await Promise.all(files.map((file) => collect(codec.read(file))))
    deepStrictEqual(
      read,
      counts.map((count) => [...numbered(count)]),
    )
    await other.close()
  })

  it('leaves the event loop free while it writes', async () => {
    let turns = 0
    const writing = codec.write(numbered(100_000), path('free.parquet'))
    const timer = setInterval(() => turns++, 1)
    await writing
    clearInterval(timer)
    expect(turns).toBeGreaterThan(10)
  })

  it('finishes running writes when it is closed, closes twice, and refuses later calls', async () => {
    const closing = createParquetCodec()
    const filePath = path('closing.parquet')
    const writing = closing.write(numbered(50_000), filePath)
    await Promise.all([closing.close(), closing.close()])
    expect(await writing).toEqual({ recordCount: 50_000 })
    await closing.close()
    await expect(closing.write([], filePath)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(collect(closing.read(filePath))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  it('closes without ever having been used', async () => {
    await expect(createParquetCodec().close()).resolves.toBeUndefined()
  })

  it('rejects a read that is running when it is closed', async () => {
    const closing = createParquetCodec()
    const filePath = path('running.parquet')
    await closing.write(numbered(10_000), filePath)
    const reading = closing.read(filePath)[Symbol.asyncIterator]()
    await reading.next()
    await closing.close()
    const rest = async (): Promise<void> => {
      while ((await reading.next()).done !== true);
    }
    await expect(rest()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  it('may be left in the middle of a read', async () => {
    const filePath = path('left.parquet')
    await codec.write(numbered(10_000), filePath)
    for await (const row of codec.read(filePath)) if (row['n'] === 10) break
    expect(await collect(codec.read(filePath))).toHaveLength(10_000)
  })

  it('rejects with TOO_LARGE when its memory limit cannot hold one row', async () => {
    const small = createParquetCodec({ memoryLimit: '16MB' })
    const filePath = path('too-large.parquet')
    const rows = [{ a: 'x'.repeat(64_000_000) }]
    await expect(small.write(rows, filePath)).rejects.toMatchObject({ code: 'TOO_LARGE' })
    await expect(stat(filePath)).rejects.toMatchObject({ code: 'ENOENT' })
    await small.close()
  })

  it('writes and reads a million rows in bounded memory', async () => {
    const filePath = path('million.parquet')
    let peakBytes = 0
    const idleBytes = process.memoryUsage.rss()
    const timer = setInterval(() => (peakBytes = Math.max(peakBytes, process.memoryUsage.rss())), 20)
    await codec.write(numbered(1_000_000), filePath)
    let count = 0
    for await (const _ of codec.read(filePath)) count++
    clearInterval(timer)
    expect(count).toBe(1_000_000)
    expect(peakBytes - idleBytes).toBeLessThan(400 * 1024 * 1024)
  })
})

describe('a damaged file', () => {
  it.each([0, 3, 100, 5000])('is CORRUPT when cut to %i bytes', async (size) => {
    const filePath = path('cut.parquet')
    await codec.write(numbered(3000), filePath)
    await truncate(filePath, size)
    await expect(collect(codec.read(filePath))).rejects.toMatchObject({ code: 'CORRUPT' })
  })

  it('is CORRUPT when its metadata is not what we wrote', async () => {
    const filePath = path('metadata.parquet')
    await codec.write([{ a: 1 }], filePath)
    const bytes = await readFile(filePath)
    bytes.write('{"w":1', bytes.indexOf('{"v":1'))
    await writeFile(filePath, bytes)
    await expect(collect(codec.read(filePath))).rejects.toMatchObject({ code: 'CORRUPT' })
  })

  it('is NOT_FOUND when there is none', async () => {
    await expect(collect(codec.read(path('absent.parquet')))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('is INTERNAL when the folder to write to does not exist', async () => {
    await expect(codec.write([{ a: 1 }], path('absent/x.parquet'))).rejects.toMatchObject({
      code: 'INTERNAL',
    })
  })
})
