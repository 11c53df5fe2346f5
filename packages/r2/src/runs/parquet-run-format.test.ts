import { readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { collectBytes, EMPTY_SUM, sumEntries } from '@umbra/core'
import type { ManifestEntry } from '@umbra/core'
import type { LocalPart } from '../manifest/run-format.ts'
import { collect } from '../parquet/parquet.fixture.ts'
import { createParquetRunFormat } from './parquet-run-format.ts'
import { each, makeEntry, makeTombstone, toPart, useRunFormat } from './runs.fixture.ts'

const bench = useRunFormat({ sliceRows: 1000 })
const { format } = bench

const many = Array.from({ length: 5000 }, (_, index) =>
  makeEntry(`id-${String(index).padStart(6, '0')}`, {
    timestamp: new Date(Date.UTC(2026, 0, 1) + index * 60_000).toISOString(),
  }),
)
const idsOf = (entries: readonly ManifestEntry[]) => entries.map(({ id }) => id)

/** What is said of a part that is damaged: what to run, and which part it is. */
const unreadable = ({ pointer: { key } }: LocalPart) => ({
  code: 'CORRUPT',
  message: `the part cannot be read; run fsck. key=${key}`,
  details: { key },
})

describe('a written run', () => {
  it('is nothing when there are no entries', async () => {
    expect(await format.write(each([]), bench.freshPath())).toBeUndefined()
  })

  it('is sorted by id whatever the order entries come in, beyond one slice too', async () => {
    const shuffled = many.toSorted(
      (a, b) => a.key.length * 31 + Number(a.id.at(-1)) - (b.key.length * 31 + Number(b.id.at(-1))),
    )
    const part = await bench.run(shuffled)
    expect(idsOf(await collect(format.readAll(part)))).toEqual(idsOf(many))
    const found = await format.lookup(
      part,
      idsOf(many)
        .filter((_, index) => index % 7 === 0)
        .slice(0, 700),
    )
    expect(found.size).toBe(700)
  })

  it('is a body that can be sent again and again, and in ranges', async () => {
    const run = await format.write(each(many), bench.freshPath())
    if (run === undefined || run.body instanceof Uint8Array) throw new Error('a file body was expected')
    const first = await collectBytes(run.body.stream())
    const second = await collectBytes(run.body.stream())
    expect(first.byteLength).toBe(run.bytes)
    expect(Buffer.compare(first, second)).toBe(0)
    expect(Buffer.from(await collectBytes(run.body.stream({ start: 0, end: 3 }))).toString()).toBe('PAR1')
  })

  it('leaves nothing behind when the entries fail', async () => {
    async function* failing(): AsyncGenerator<ManifestEntry, void, undefined> {
      yield* many
      throw new Error('the source broke')
    }
    const path = bench.freshPath()
    await expect(format.write(failing(), path)).rejects.toMatchObject({
      cause: { message: 'the source broke' },
    })
    const left = (await readdir(dirname(path))).filter((name) => join(dirname(path), name).startsWith(path))
    expect(left).toEqual([])
  })
})

describe('a merge', () => {
  const put = makeEntry('a', { sha256: '01' })
  const newer = makeEntry('a', { rev: 2, sha256: '02' })

  it('of many rows is the same as of few', async () => {
    const changed = many
      .filter((_, index) => index % 3 === 0)
      .map((entry) => ({ ...entry, rev: 2, key: `${entry.key}2` }))
    const merged = await format.merge([await bench.run(many), await bench.run(changed)], {
      path: bench.freshPath(),
    })
    expect(merged.run).toMatchObject({
      rows: 5000,
      dels: 0,
      at: [many[0]?.timestamp, many.at(-1)?.timestamp],
    })
    expect(merged.dropped.rows).toBe(changed.length)
    const keys = await collect(merged.dropped.keys())
    expect(keys.toSorted()).toEqual(
      many
        .filter((_, index) => index % 3 === 0)
        .map(({ key }) => key)
        .toSorted(),
    )
    await merged.dispose()
  })

  it('names the body a deletion removed once, from its put and never from its tombstone', async () => {
    const deletion = makeTombstone(newer)
    const first = await format.merge([await bench.run([put]), await bench.segment([newer, deletion])], {
      path: bench.freshPath(),
    })
    expect((await collect(first.dropped.keys())).toSorted()).toEqual([put.key, newer.key].toSorted())
    expect(first.dropped.sum).toBe(sumEntries([put, newer]))
    expect(first.run).toMatchObject({ rows: 1, dels: 1, sum: EMPTY_SUM })
    await first.dispose()

    const second = await format.merge([toPart(first.run)], {
      path: bench.freshPath(),
      dropTombstonesBefore: '2026-03-01T00:00:00.000Z',
    })
    expect(second.run).toBeUndefined()
    expect(second.dropped).toMatchObject({ rows: 1, sum: EMPTY_SUM })
    expect(await collect(second.dropped.keys())).toEqual([])
    await second.dispose()
  })

  it('does not name a body that another record still has', async () => {
    const copy = makeEntry('b', { key: put.key })
    const merged = await format.merge([await bench.segment([put, copy, newer])], { path: bench.freshPath() })
    expect(await collect(merged.dropped.keys())).toEqual([])
    expect(merged.dropped.rows).toBe(1)
    await merged.dispose()
  })

  it('keeps its keys after the inputs and the result are gone, for several readers', async () => {
    const older = await bench.run([put])
    const merged = await format.merge([older, await bench.segment([newer])], { path: bench.freshPath() })
    await rm(older.path)
    await rm(toPart(merged.run).path)
    expect(await Promise.all([collect(merged.dropped.keys()), collect(merged.dropped.keys())])).toEqual([
      [put.key],
      [put.key],
    ])
    await merged.dispose()
    await merged.dispose()
    await expect(collect(merged.dropped.keys())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  it('refuses a segment that is damaged and a run that is none, naming the part', async () => {
    const segment = await bench.segment([put])
    await writeFile(segment.path, `${JSON.stringify(put)}\n{"id":`)
    const run = await bench.run([put])
    await writeFile(run.path, 'not parquet')
    const path = bench.freshPath()
    for (const part of [segment, run])
      await expect(format.merge([part], { path })).rejects.toMatchObject(unreadable(part))
  })
})

describe('reading', () => {
  it('works many at a time, while scans stand open and a merge runs', async () => {
    const part = await bench.run(many)
    const open = Array.from({ length: 6 }, () =>
      format.scan(part, { order: 'newest' })[Symbol.asyncIterator](),
    )
    const firsts = await Promise.all(open.map((scan) => scan.next()))
    expect(firsts.map(({ value }) => value?.id)).toEqual(open.map(() => many.at(-1)?.id))
    const merging = format.merge([part, part], { path: bench.freshPath() })
    const lookups = Array.from({ length: 20 }, (_, index) => format.lookup(part, [many[index]?.id ?? '']))
    expect((await Promise.all(lookups)).map(({ size }) => size)).toEqual(lookups.map(() => 1))
    for (const scan of open) await scan.return?.()
    await (await merging).dispose()
  })

  it('says that a file is gone, which is no damage, and that one is damaged', async () => {
    const part = await bench.run([makeEntry('a')])
    await rm(part.path)
    const reads = [
      () => format.lookup(part, ['a']),
      () => collect(format.scan(part, { order: 'newest' })),
      () => collect(format.readAll(part)),
      () => format.merge([part], { path: bench.freshPath() }),
    ]
    for (const read of reads) await expect(read()).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await writeFile(part.path, 'PAR1, but nothing else')
    for (const read of reads) await expect(read()).rejects.toMatchObject(unreadable(part))
  })

  it('finds no id that no run can hold, and none for no ids', async () => {
    const part = await bench.run([makeEntry('\ufffd')])
    expect(await format.lookup(part, ['\ud800'])).toEqual(new Map())
    expect(await format.lookup(part, [])).toEqual(new Map())
  })
})

describe('closing', () => {
  it('ends open scans, lets a write finish, and refuses what comes later', async () => {
    const closing = createParquetRunFormat()
    const part = await bench.run(many)
    const scan = closing.scan(part, { order: 'oldest' })[Symbol.asyncIterator]()
    await scan.next()
    const writing = closing.write(each(many), bench.freshPath())
    await Promise.all([closing.close(), closing.close()])
    expect((await writing)?.rows).toBe(many.length)
    await expect(closing.lookup(part, ['a'])).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(closing.write(each(many), bench.freshPath())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  it('costs nothing when nothing was used', async () => {
    await createParquetRunFormat().close()
  })
})
