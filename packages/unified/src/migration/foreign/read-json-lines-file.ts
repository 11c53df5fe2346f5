/** A line that is JSON, or one that is not, counted from 1. Empty lines are passed over. */
export type JsonLine =
  | { readonly kind: 'row'; readonly line: number; readonly value: unknown }
  | { readonly kind: 'rejected'; readonly line: number; readonly reason: string; readonly raw: string }

const NEWLINE = 10

/** Unlike what reads our own bodies, goes on after a line that is damaged. */
export async function* readJsonLinesFile(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<JsonLine, void, undefined> {
  let line = 0
  for await (const bytes of splitLines(source)) {
    line++
    const parsed = parseLine(bytes, line)
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
    return { kind: 'row', line, value: JSON.parse(text) }
  } catch {
    return { kind: 'rejected', line, reason: 'is not JSON', raw: text }
  }
}

async function* splitLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // Pieces of a line that has not ended yet; joined once.
  let pieces: Uint8Array[] = []
  for await (const chunk of source) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      yield Buffer.concat([...pieces, chunk.subarray(start, end)])
      pieces = []
      start = end + 1
    }
    // A copy: the source may fill the same buffer again.
    pieces.push(Uint8Array.from(chunk.subarray(start)))
  }
  yield Buffer.concat(pieces)
}
