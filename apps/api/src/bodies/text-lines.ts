import { UmbraError } from '@umbra/core'

const NEWLINE = 0x0a

/**
 * The non-empty lines of UTF-8 text, in memory bounded by the longest allowed line.
 *
 * @param maxLineBytes - longest line, bytes
 * @throws `TOO_LARGE` past it, `INVALID_INPUT` for bytes that are not UTF-8
 */
export async function* textLines(
  source: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
): AsyncGenerator<string, void, undefined> {
  let held: Uint8Array[] = []
  let heldBytes = 0
  for await (const chunk of source) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      assertShort(heldBytes + end - start, maxLineBytes)
      const line = decodeLine([...held, chunk.subarray(start, end)])
      if (line !== '') yield line
      held = []
      heldBytes = 0
      start = end + 1
    }
    held.push(chunk.subarray(start))
    heldBytes += chunk.byteLength - start
    assertShort(heldBytes, maxLineBytes)
  }
  const rest = decodeLine(held)
  if (rest !== '') yield rest
}

function decodeLine(pieces: readonly Uint8Array[]): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces)).trim()
  } catch (cause) {
    throw new UmbraError('INVALID_INPUT', 'the body is not valid utf-8', {
      cause,
      details: { field: 'body' },
    })
  }
}

function assertShort(bytes: number, limitBytes: number): void {
  if (bytes <= limitBytes) return
  throw new UmbraError('TOO_LARGE', `a line is longer than the limit. limit_bytes=${limitBytes}`, {
    details: { field: 'body', limitBytes },
  })
}
