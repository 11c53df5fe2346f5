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
  // Pieces of a line that has not ended yet; joined once, so that a very long line costs its length only.
  let pieces: string[] = []
  let line = 0
  for await (const chunk of source) {
    const [first = '', ...others] = decodeText(decoder, chunk, line + 1).split('\n')
    pieces.push(first)
    for (const next of others) {
      yield parseLine(pieces.join(''), ++line)
      pieces = [next]
    }
  }
  const rest = pieces.join('') + decodeText(decoder, undefined, line + 1)
  if (rest !== '') yield parseLine(rest, line + 1)
}

type Utf8Decoder = InstanceType<typeof TextDecoder>

function decodeText(decoder: Utf8Decoder, chunk: Uint8Array | undefined, line: number): string {
  try {
    return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
  } catch (cause) {
    throw new UmbraError('CORRUPT', `a stored line is not UTF-8. line=${line}`, { cause, details: { line } })
  }
}

function parseLine(text: string, line: number): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UmbraError('CORRUPT', `a stored line is not JSON. line=${line}`, { cause, details: { line } })
  }
}
