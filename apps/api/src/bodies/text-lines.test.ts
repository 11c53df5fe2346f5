import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { textLines } from './text-lines.ts'

async function linesOf(chunks: readonly Uint8Array[], maxLineBytes = 1_000): Promise<string[]> {
  async function* source() {
    yield* chunks
  }
  const lines: string[] = []
  for await (const line of textLines(source(), maxLineBytes)) lines.push(line)
  return lines
}

describe('textLines', () => {
  it('finds the same lines however the bytes are cut', async () => {
    const line = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ' ').trim())
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat(50), { maxLength: 10 }), async (lines, cuts) => {
        const bytes = Buffer.from(lines.join('\n'))
        const places = [
          0,
          ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b),
          bytes.length,
        ]
        const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end))
        expect(await linesOf(chunks)).toEqual(lines.filter((text) => text !== ''))
      }),
    )
  })

  it('refuses a line over the limit, complete or not, and bytes that are not UTF-8', async () => {
    expect(await linesOf([Buffer.from('12345\n12345')], 5)).toEqual(['12345', '12345'])
    await expect(linesOf([Buffer.from('123'), Buffer.from('456')], 5)).rejects.toMatchObject({
      code: 'TOO_LARGE',
    })
    await expect(linesOf([Buffer.from('123456\n')], 5)).rejects.toMatchObject({ code: 'TOO_LARGE' })
    await expect(linesOf([Buffer.from([0x22, 0xff, 0x22])])).rejects.toMatchObject({ code: 'INVALID_INPUT' })
  })
})
