import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePathPart, encodePathPart } from './path-part.ts'

const part = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1 }),
  fc.string({ unit: 'binary', minLength: 1 }),
  fc.string({ unit: fc.constantFrom('.', '%', '2', 'E', '/', '~', 'é', 'e\u0301', '\0'), minLength: 1 }),
)

describe('encodePathPart', () => {
  it.each([
    ['user123', 'user123'],
    ['a.b_c@d+e=f-g', 'a.b_c@d+e=f-g'],
    ['.', '%2E'],
    ['..', '%2E%2E'],
    ['...', '...'],
    ['a/b\\c', 'a%2Fb%5Cc'],
    ['50% ~', '50%25%20%7E'],
    ['Zoë', 'Zo%C3%AB'],
    ['Zoe\u0308', 'Zo%C3%AB'],
    ['😀', '%F0%9F%98%80'],
    ['\0\n', '%00%0A'],
  ])('encodes %j as %s', (input, expected) => {
    expect(encodePathPart(input)).toBe(expected)
  })

  it.each(['', '\ud800', 'a\udc00b'])('refuses %j, which has no form in a key', (input) => {
    expect(() => encodePathPart(input)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
  })

  it('uses only characters that are safe in a key, a URL path and a file name', () => {
    fc.assert(
      fc.property(part, (input) => {
        const encoded = encodePathPart(input)
        expect(encoded).toMatch(/^(?:[A-Za-z0-9._@+=-]|%[0-9A-F]{2})+$/)
        expect(encoded).not.toMatch(/^\.{1,2}$/)
      }),
    )
  })

  it('is undone by decodePathPart, up to the Unicode spelling', () => {
    fc.assert(
      fc.property(part, (input) => {
        expect(decodePathPart(encodePathPart(input))).toBe(input.normalize('NFC'))
      }),
    )
  })
})

describe('decodePathPart', () => {
  it.each(['', '.', '..', '%2e', '%41', 'a/b', 'a b', '%', '%GG', '%FF', '%ED%A0%80', 'é', 'e%CC%81'])(
    'returns undefined for %j, which is no encoded part',
    (encoded) => {
      expect(decodePathPart(encoded)).toBeUndefined()
    },
  )

  it('accepts exactly the strings that encoding returns', () => {
    fc.assert(
      fc.property(fc.oneof(part, fc.stringMatching(/^(?:[a.]|%[0-9A-Fa-f]{2}){1,4}$/)), (encoded) => {
        const decoded = decodePathPart(encoded)
        expect(decoded === undefined || encodePathPart(decoded) === encoded).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })
})
