import { UmbraError } from '@umbra/core'

/** A row by the names of the first line, or one with another number of fields; lines are counted from 1. */
export type CsvRow =
  | { readonly kind: 'row'; readonly line: number; readonly value: Readonly<Record<string, string>> }
  | { readonly kind: 'rejected'; readonly line: number; readonly reason: string; readonly raw: string }

interface RawRow {
  readonly line: number
  readonly fields: readonly string[]
}

/**
 * CSV as RFC 4180 has it, UTF-8, the first line names the columns. Every value stays text: which of them are numbers is
 * not in the file.
 *
 * @throws `INVALID_INPUT` when the file is not UTF-8, two columns have one name, or a quote is never closed
 */
export async function* readCsv(source: AsyncIterable<Uint8Array>): AsyncGenerator<CsvRow, void, undefined> {
  let names: readonly string[] | undefined
  for await (const { line, fields } of readRawRows(source)) {
    if (fields.length === 1 && fields[0] === '') continue
    if (names === undefined) {
      names = fields
      assertDistinct(names)
    } else if (fields.length === names.length) {
      yield {
        kind: 'row',
        line,
        value: Object.fromEntries(names.map((name, index) => [name, fields[index] ?? ''])),
      }
    } else {
      const reason = `has ${fields.length} fields, the first line has ${names.length}`
      yield { kind: 'rejected', line, reason, raw: fields.join(',') }
    }
  }
}

async function* readRawRows(source: AsyncIterable<Uint8Array>): AsyncGenerator<RawRow> {
  const rows: RawRow[] = []
  const parser = createParser((row) => rows.push(row))
  const decoder = new TextDecoder('utf-8', { fatal: true })
  for await (const chunk of source) {
    parser.push(decode(() => decoder.decode(chunk, { stream: true })))
    yield* rows.splice(0)
  }
  parser.push(decode(() => decoder.decode()))
  parser.end()
  yield* rows.splice(0)
}

/** One character at a time; `"` opens a field only at its beginning, as spreadsheets have it. */
function createParser(onRow: (row: RawRow) => void) {
  let fields: string[] = []
  let field = ''
  let state: 'start' | 'plain' | 'quoted' | 'quote-in-quoted' = 'start'
  let line = 1
  let startedAt = 1

  function endField() {
    fields.push(field)
    field = ''
    state = 'start'
  }

  function endRow() {
    endField()
    onRow({ line: startedAt, fields })
    fields = []
    startedAt = line
  }

  function take(character: string) {
    if (character === '\n') line++
    if (state === 'quoted') {
      if (character === '"') state = 'quote-in-quoted'
      else field += character
    } else if (state === 'start' && character === '"') state = 'quoted'
    else if (state === 'quote-in-quoted' && character === '"') {
      field += '"'
      state = 'quoted'
    } else if (character === ',') endField()
    else if (character === '\n') endRow()
    else if (character !== '\r') {
      field += character
      state = 'plain'
    }
  }

  return {
    push(text: string) {
      for (const character of text) take(character)
    },
    end() {
      if (state === 'quoted')
        throw new UmbraError('INVALID_INPUT', `a quote is opened and never closed. line=${startedAt}`)
      if (field !== '' || fields.length > 0) endRow()
    },
  }
}

function assertDistinct(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice === undefined) return
  throw new UmbraError('INVALID_INPUT', `two columns have the same name. column=${twice}`)
}

function decode(read: () => string): string {
  try {
    return read()
  } catch (cause) {
    throw new UmbraError('INVALID_INPUT', 'the file is not UTF-8', { cause })
  }
}
