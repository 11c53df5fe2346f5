import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCsv } from './read-csv.ts'
import { readJsonLinesFile } from './read-json-lines-file.ts'

async function* cut(text: string, sizeBytes: number) {
  const bytes = new TextEncoder().encode(text)
  for (let start = 0; start < bytes.byteLength; start += sizeBytes)
    yield bytes.subarray(start, start + sizeBytes)
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

const size = fc.integer({ min: 1, max: 20 })
const quote = (field: string) => `"${field.replaceAll('"', '""')}"`

describe('readCsv', () => {
  it('reads back whatever was quoted, wherever the chunks are cut', async () => {
    const field = fc.string({ unit: 'grapheme', maxLength: 6 })
    const rows = fc.array(fc.tuple(field, fc.oneof(field, fc.constantFrom(',', '"', '\n', '\r\n', ' '))))
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom('\n', '\r\n'), size, async (values, newline, sizeBytes) => {
        const text = ['a,b', ...values.map((row) => row.map(quote).join(','))].join(newline)
        const read = await collect(readCsv(cut(text, sizeBytes)))
        expect(read.map((row) => row.kind === 'row' && [row.value['a'], row.value['b']])).toEqual(values)
      }),
    )
  })

  it('names the line of a row with another number of fields, also after values with line breaks', async () => {
    expect(await collect(readCsv(cut('a,b\n"1\n1",2\n3\n', 3)))).toEqual([
      { kind: 'row', line: 2, value: { a: '1\n1', b: '2' } },
      { kind: 'rejected', line: 4, reason: 'has 1 fields, the first line has 2', raw: '3' },
    ])
  })

  it.each(['\n', '\r\n', '\r'])('takes %j for the end of a line', async (newline) => {
    const text = ['a,b', '1,2', '', '"x\ry",3', '4,5,6', ''].join(newline)
    expect(await collect(readCsv(cut(text, 2)))).toEqual([
      { kind: 'row', line: 2, value: { a: '1', b: '2' } },
      { kind: 'row', line: 4, value: { a: 'x\ry', b: '3' } },
      // The value before has a line break too.
      { kind: 'rejected', line: 6, reason: 'has 3 fields, the first line has 2', raw: '4,5,6' },
    ])
  })

  it('tells an empty value from an empty line, and never joins what stands beside quotes', async () => {
    expect(await collect(readCsv(cut('a\n""\n\n"5" tall\n"x"\n""', 4)))).toEqual([
      { kind: 'row', line: 2, value: { a: '' } },
      { kind: 'rejected', line: 4, reason: 'has text after the quote that ends a field', raw: '"5" tall' },
      { kind: 'row', line: 5, value: { a: 'x' } },
      { kind: 'row', line: 6, value: { a: '' } },
    ])
  })

  it('holds no more of a row than it is told', async () => {
    const reading = collect(readCsv(cut(`a\n1\n"${'x'.repeat(200)}`, 50), 100))
    await expect(reading).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('line=3'),
    })
  })

  it('refuses two columns of one name, because one would be lost', async () => {
    await expect(collect(readCsv(cut('a,a\n1,2\n', 9)))).rejects.toMatchObject({ code: 'INVALID_INPUT' })
  })

  it('keeps a column named like a prototype', async () => {
    const [row] = await collect(readCsv(cut('__proto__\nx\n', 9)))
    expect(row?.kind === 'row' && Object.entries(row.value)).toEqual([['__proto__', 'x']])
  })
})

describe('readJsonLinesFile', () => {
  it('reads every line, wherever the chunks are cut, and passes over empty ones', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue()), size, async (values, sizeBytes) => {
        const lines = values.map((value) => JSON.stringify(value))
        const read = await collect(readJsonLinesFile(cut(lines.join('\n\n'), sizeBytes)))
        expect(read.map((line) => line.kind === 'row' && JSON.stringify(line.value))).toEqual(
          lines.map((line) => JSON.stringify(JSON.parse(line))),
        )
      }),
    )
  })

  it('passes over a line that is too long to be held', async () => {
    const text = `1\n"${'x'.repeat(200)}"\n${' '.repeat(99)}2\n${' '.repeat(100)}3`
    expect(await collect(readJsonLinesFile(cut(text, 7), 100))).toEqual([
      { kind: 'row', line: 1, value: 1 },
      { kind: 'rejected', line: 2, reason: 'has more than 100 bytes' },
      { kind: 'row', line: 3, value: 2 },
      { kind: 'rejected', line: 4, reason: 'has more than 100 bytes' },
    ])
  })

  it('goes on after a line that is damaged', async () => {
    async function* bytes() {
      yield Buffer.from('\u{feff}1\r\n{"a":\n')
      yield Buffer.from([0xff, 0x0a])
      yield Buffer.from('2')
    }
    expect(await collect(readJsonLinesFile(bytes()))).toEqual([
      { kind: 'row', line: 1, value: 1 },
      { kind: 'rejected', line: 2, reason: 'is not JSON', raw: '{"a":' },
      { kind: 'rejected', line: 3, reason: 'is not UTF-8', raw: 'ÿ' },
      { kind: 'row', line: 4, value: 2 },
    ])
  })
})
