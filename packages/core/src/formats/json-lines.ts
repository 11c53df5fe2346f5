import { UmbraError } from '../errors/umbra-error.ts'
import { assertJsonValue } from './json-value.ts'

/** Lines are joined up to about this many bytes before they are passed on. */
const CHUNK_BYTES = 64 * 1024

const encoder = new TextEncoder()

/** Rows as JSON lines, each checked; `onRow` sees every row in order. */
export async function* encodeJsonLines(
  rows: Iterable<unknown> | AsyncIterable<unknown>,
  onRow: (row: unknown) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let buffered = ''
  let index = 0
  for await (const row of rows) {
    assertJsonValue(row, `data.records[${index}]`)
    onRow(row)
    buffered += `${JSON.stringify(row)}\n`
    index++
    if (buffered.length >= CHUNK_BYTES) {
      yield encoder.encode(buffered)
      buffered = ''
    }
  }
  if (buffered !== '') yield encoder.encode(buffered)
}

/** The rows of a JSON lines body, in bounded memory. Rejects with `CORRUPT` naming the line that is not JSON. */
export async function* decodeJsonLines(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<unknown, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let rest = ''
  let line = 0
  for await (const chunk of source) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const text of lines) yield parseLine(text, ++line)
  }
  rest += decoder.decode()
  if (rest !== '') yield parseLine(rest, line + 1)
}

function parseLine(text: string, line: number): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UmbraError('CORRUPT', `a stored line is not JSON. line=${line}`, { cause, details: { line } })
  }
}
