import { UmbraError } from '@umbra/core'
import { textLines } from './text-lines.ts'

/** The rows of a JSON lines request, one by one. @throws `INVALID_INPUT` naming the line that is not JSON */
export async function* jsonRows(
  source: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
): AsyncGenerator<unknown, void, undefined> {
  let row = 0
  for await (const text of textLines(source, maxLineBytes)) {
    row++
    yield parseRow(text, row)
  }
}

function parseRow(text: string, line: number): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the body.
    throw new UmbraError('INVALID_INPUT', `a line is not json. line=${line}`, {
      details: { field: 'body', line },
    })
  }
}
