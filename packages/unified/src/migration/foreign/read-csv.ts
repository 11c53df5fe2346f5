import { UmbraError } from '@umbra/core'

/** A row by the names of the first line, or one that cannot be read as it stands; lines are counted from 1. */
export type CsvRow =
  | { readonly kind: 'row'; readonly line: number; readonly value: Readonly<Record<string, string>> }
  | { readonly kind: 'rejected'; readonly line: number; readonly reason: string; readonly raw: string }

interface RawRow {
  readonly line: number
  readonly fields: readonly string[]
  /** As it stands in the file, without the line break at its end. */
  readonly raw: string
  readonly problem: string | undefined
}

/** A row in memory, in characters. More is most likely a quote that is never closed. */
const MAX_ROW_CHARACTERS = 64 * 1024 ** 2

/**
 * CSV as RFC 4180 has it, UTF-8, lines ended by LF, CRLF or CR; the first line names the columns. Every value stays text:
 * which of them are numbers is not in the file. Empty lines are passed over.
 *
 * @throws `INVALID_INPUT` when the file is not UTF-8, two columns have one name, or a quote is never closed
 */
export async function* readCsv(
  source: AsyncIterable<Uint8Array>,
  maxRowCharacters = MAX_ROW_CHARACTERS,
): AsyncGenerator<CsvRow, void, undefined> {
  let names: readonly string[] | undefined
  for await (const { line, fields, raw, problem } of readRawRows(source, maxRowCharacters)) {
    if (raw === '') continue
    if (problem !== undefined) {
      if (names === undefined) throw new UmbraError('INVALID_INPUT', `the first line ${problem}`)
      yield { kind: 'rejected', line, reason: problem, raw }
    } else if (names === undefined) {
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
      yield { kind: 'rejected', line, reason, raw }
    }
  }
}

async function* readRawRows(
  source: AsyncIterable<Uint8Array>,
  maxRowCharacters: number,
): AsyncGenerator<RawRow> {
  const rows: RawRow[] = []
  const parser = createParser(maxRowCharacters, (row) => rows.push(row))
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
function createParser(maxRowCharacters: number, onRow: (row: RawRow) => void) {
  let fields: string[] = []
  let field = ''
  let raw = ''
  let problem: string | undefined
  let state: 'start' | 'plain' | 'quoted' | 'quote-in-quoted' = 'start'
  let line = 1
  let startedAt = 1
  let afterReturn = false

  function endField() {
    fields.push(field)
    field = ''
    state = 'start'
  }

  function endRow() {
    endField()
    onRow({ line: startedAt, fields, raw, problem })
    fields = []
    raw = ''
    problem = undefined
    startedAt = line
  }

  /** The second half of CRLF belongs to the break that its first half made. */
  function countLine(character: string): 'counted' | 'second half' {
    const isSecondHalf = afterReturn && character === '\n'
    afterReturn = character === '\r'
    if (isSecondHalf) return 'second half'
    if (character === '\n' || character === '\r') line++
    return 'counted'
  }

  function take(character: string) {
    const place = countLine(character)
    if (state === 'quoted') {
      raw += character
      if (character === '"') state = 'quote-in-quoted'
      else field += character
      return
    }
    if (character === '\n' || character === '\r') {
      if (place === 'counted') endRow()
      return
    }
    raw += character
    if (state === 'start' && character === '"') state = 'quoted'
    else if (state === 'quote-in-quoted' && character === '"') {
      field += '"'
      state = 'quoted'
    } else if (character === ',') endField()
    else {
      if (state === 'quote-in-quoted') problem = 'has text after the quote that ends a field'
      field += character
      state = 'plain'
    }
  }

  return {
    push(text: string) {
      for (const character of text) take(character)
      if (raw.length > maxRowCharacters)
        throw new UmbraError(
          'INVALID_INPUT',
          `a row has more than ${maxRowCharacters} characters; is a quote never closed? line=${startedAt}`,
        )
    },
    end() {
      if (state === 'quoted')
        throw new UmbraError('INVALID_INPUT', `a quote is opened and never closed. line=${startedAt}`)
      if (raw !== '') endRow()
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
