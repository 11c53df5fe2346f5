import { isUmbraError } from '@umbra/core'
import { parseExactJson } from './parse-exact-json.ts'

/** A line that is JSON, or one that is not or cannot be held exactly, counted from 1. Empty lines are passed over. */
export type JsonLine =
  | { readonly kind: 'row'; readonly line: number; readonly value: unknown }
  | {
      readonly kind: 'rejected'
      readonly line: number
      readonly reason: string
      /** Unless it is too long to be held. */
      readonly raw?: string
    }

const NEWLINE = 10

/** A line in memory, in bytes: half of what fits into a string. */
const MAX_LINE_BYTES = 256 * 1024 ** 2

/** Unlike what reads our own bodies, goes on after a line that is damaged. */
export async function* readJsonLinesFile(
  source: AsyncIterable<Uint8Array>,
  maxLineBytes = MAX_LINE_BYTES,
): AsyncGenerator<JsonLine, void, undefined> {
  let line = 0
  for await (const bytes of splitLines(source, maxLineBytes)) {
    line++
    const parsed =
      bytes === 'too long'
        ? ({ kind: 'rejected', line, reason: `has more than ${maxLineBytes} bytes` } as const)
        : parseLine(bytes, line)
    if (parsed !== undefined) yield parsed
  }
}

function parseLine(bytes: Uint8Array, line: number): JsonLine | undefined {
  let text: string
  try {
    // Also drops a byte order mark.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return { kind: 'rejected', line, reason: 'is not UTF-8', raw: Buffer.from(bytes).toString('latin1') }
  }
  if (text.trim() === '') return undefined
  try {
    return { kind: 'row', line, value: parseExactJson(text) }
  } catch (error) {
    if (!isUmbraError(error)) throw error
    return { kind: 'rejected', line, reason: error.message, raw: text }
  }
}

async function* splitLines(
  source: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
): AsyncGenerator<Uint8Array | 'too long'> {
  // Pieces of a line that has not ended yet; joined once, and dropped when they are too many.
  let pieces: Uint8Array[] = []
  let length = 0
  const add = (piece: Uint8Array) => {
    length += piece.byteLength
    if (length <= maxLineBytes) pieces.push(piece)
    else pieces = []
  }
  const take = () => {
    const line = length > maxLineBytes ? 'too long' : Buffer.concat(pieces)
    pieces = []
    length = 0
    return line
  }
  for await (const chunk of source) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      add(chunk.subarray(start, end))
      yield take()
      start = end + 1
    }
    // A copy: the source may fill the same buffer again.
    add(Uint8Array.from(chunk.subarray(start)))
  }
  yield take()
}
