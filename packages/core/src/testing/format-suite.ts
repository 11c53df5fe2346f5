import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { collectBytes } from '../bodies/collect-bytes.ts'
import type { SuiteContext } from './backend-under-test.ts'

const ROWS = [
  { id: 1, amount: 25.5, note: 'Café – “naïve” 日本 🚀' },
  { id: 2, amount: 100, note: '' },
  { id: 3, amount: -0.1, note: 'line\nbreak\u{2028}' },
]

const JSON_VALUES: readonly (readonly [string, unknown])[] = [
  ['an object', { a: { b: [1, 'x', null, true] } }],
  ['an empty object', {}],
  ['an empty array', []],
  ['an empty string', ''],
  ['null', null],
  ['false', false],
  ['zero', 0],
  ['a lone surrogate', { text: '\u{d800}' }],
  ['a __proto__ key', JSON.parse('{"__proto__":{"admin":true}}')],
  ['every plane of unicode', 'é é \u{10ffff} 👩‍👩‍👧 \u{0} \u{feff}x'],
]

async function* asyncRows(count: number) {
  for (let n = 0; n < count; n++) yield { n, text: `row ${n}` }
}

async function* byteChunks(count: number, sizeBytes: number) {
  for (let n = 0; n < count; n++) yield new Uint8Array(sizeBytes).fill(n)
}

export function formatSuite(context: SuiteContext): void {
  describe('formats', () => {
    it.each(JSON_VALUES)('json keeps %s exactly', async (_name, data) => {
      const { storage } = context
      const module = context.newModule()
      const { id } = await storage.storeData({ module, userId: 'u', data })
      const back = await storage.retrieveData(module, 'u', id)
      expect(back?.data).toEqual(data)
      expect(JSON.stringify(back?.data)).toBe(JSON.stringify(data))
    })

    it('jsonl keeps rows and counts them', async () => {
      const { storage } = context
      const module = context.newModule()
      const stored = await storage.storeData({
        module,
        userId: 'u',
        data: { records: ROWS },
        dataFormat: 'jsonl',
      })
      expect(stored).toMatchObject({
        recordCount: 3,
        dataFormat: 'jsonl',
        contentType: 'application/x-ndjson',
      })
      expect(stored.storageKey).toMatch(/\.jsonl$/)
      expect((await storage.retrieveData(module, 'u', stored.id))?.data).toEqual({ records: ROWS })
    })

    it('jsonl takes and gives rows as streams, and no rows at all', async () => {
      const { storage } = context
      const module = context.newModule()
      const streamed = await storage.storeData({
        module,
        userId: 'u',
        data: { records: asyncRows(5_000) },
        dataFormat: 'jsonl',
      })
      expect(streamed.recordCount).toBe(5_000)
      let next = 0
      for await (const row of storage.iterateRows(module, 'u', streamed.id))
        expect(row).toEqual({ n: next, text: `row ${next++}` })
      expect(next).toBe(5_000)
      const empty = await storage.storeData({
        module,
        userId: 'u',
        data: { records: [] },
        dataFormat: 'jsonl',
      })
      expect(empty).toMatchObject({ recordCount: 0, size: 0 })
      expect((await storage.retrieveData(module, 'u', empty.id))?.data).toEqual({ records: [] })
    })

    it('parquet keeps rows, or is refused with the reason where there is no codec', async () => {
      const { storage, parquetGap } = context
      const module = context.newModule()
      const storing = storage.storeData({
        module,
        userId: 'u',
        data: { records: ROWS },
        dataFormat: 'parquet',
      })
      if (parquetGap !== undefined) {
        await expect(storing, parquetGap).rejects.toMatchObject({ code: 'UNSUPPORTED' })
        expect(await storage.retrieveData(module, 'u')).toEqual([])
        return
      }
      const stored = await storing
      expect(stored).toMatchObject({ recordCount: 3, contentType: 'application/vnd.apache.parquet' })
      expect(stored.storageKey).toMatch(/\.parquet$/)
      expect((await storage.retrieveData(module, 'u', stored.id))?.data).toEqual({ records: ROWS })
      const rows: unknown[] = []
      for await (const row of storage.iterateRows(module, 'u', stored.id)) rows.push(row)
      expect(rows).toEqual(ROWS)
    })

    it('binary keeps bytes, name and type, whole and in ranges', async () => {
      const { storage } = context
      const module = context.newModule()
      const data = Uint8Array.from({ length: 1_000 }, (_, n) => n % 251)
      const stored = await storage.storeData({
        module,
        userId: 'u',
        data,
        dataFormat: 'binary',
        filename: 'monthly report.pdf',
        contentType: 'application/pdf',
      })
      expect(stored).toMatchObject({
        size: 1_000,
        filename: 'monthly report.pdf',
        contentType: 'application/pdf',
      })
      expect(stored.storageKey).toMatch(/\.pdf$/)
      const back = await storage.retrieveData(module, 'u', stored.id)
      expect(Buffer.compare(back?.data as Uint8Array, data)).toBe(0)
      for (const [range, expected] of [
        [{ start: 0, end: 0 }, data.subarray(0, 1)],
        [{ start: 990 }, data.subarray(990)],
        [{ start: 100, end: 199 }, data.subarray(100, 200)],
      ] as const) {
        const opened = await storage.openData(module, 'u', stored.id, { range })
        expect(opened).not.toBeNull()
        if (opened !== null) expect(Buffer.compare(await collectBytes(opened.body), expected)).toBe(0)
      }
    })

    it('binary takes and gives a stream larger than what is held in memory', async () => {
      const { storage } = context
      const module = context.newModule()
      const expected = createHash('sha256')
      for await (const chunk of byteChunks(20, 1_000_003)) expected.update(chunk)
      const stored = await storage.storeData({
        module,
        userId: 'u',
        data: byteChunks(20, 1_000_003),
        dataFormat: 'binary',
      })
      expect(stored.size).toBe(20_000_060)
      const actual = createHash('sha256')
      const opened = await storage.openData(module, 'u', stored.id)
      if (opened !== null) for await (const chunk of opened.body) actual.update(chunk)
      expect(actual.digest('hex')).toBe(expected.digest('hex'))
      const tail = await storage.openData(module, 'u', stored.id, {
        range: { start: 19_999_999, end: 20_000_059 },
      })
      expect((tail === null ? [] : await collectBytes(tail.body)).length).toBe(61)
    })

    it('keeps the format of a record when its data changes', async () => {
      const { storage } = context
      const module = context.newModule()
      const { id } = await storage.storeData({
        module,
        userId: 'u',
        data: { records: ROWS },
        dataFormat: 'jsonl',
      })
      const updated = await storage.updateData({
        module,
        userId: 'u',
        recordId: id,
        data: { records: [{ x: 1 }] },
      })
      expect(updated).toMatchObject({ dataFormat: 'jsonl', recordCount: 1, revision: 2 })
      const wrong = storage.updateData({ module, userId: 'u', recordId: id, data: { x: 1 } })
      await expect(wrong).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { field: 'data' } })
    })

    it('has no rows to iterate in a json record', async () => {
      const { storage } = context
      const module = context.newModule()
      const { id } = await storage.storeData({ module, userId: 'u', data: [1, 2] })
      const iterate = async () => {
        for await (const row of storage.iterateRows(module, 'u', id)) expect(row).toBeUndefined()
      }
      await expect(iterate()).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    })
  })
}
