import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_TOKEN_CODE_POINTS, tokenize } from './tokenizer.ts'

const retokenized = (tokens: readonly string[]) => tokenize(tokens.join(' '))

/** Every code point but the surrogates, which no well-formed text holds alone. */
function* codePoints() {
  for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
    if (codePoint < 0xd800 || codePoint > 0xdfff) yield String.fromCodePoint(codePoint)
  }
}

/** Letters, marks and invisible characters that normalisation, casing and cutting treat in their own way. */
const tricky = fc.constantFrom(
  ...Array.from('aIİıßẞΣςﬁ½Å9٣①가각がかﾞｶー東กำनि😀𝔘𐐀-_" \n'),
  ...Array.from('\u0301\u0307\u3099\u094d\u1161\u11a8\u00ad\u200b\u200d\ufeff\ufe0f'),
  '\ud800',
)
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.array(tricky, { maxLength: 40 }).map((characters) => characters.join('')),
  fc.array(tricky, { minLength: 60, maxLength: 140 }).map((characters) => characters.join('')),
)

describe('tokenize', () => {
  it.each([
    ['Coffee at the Corner-Shop, 4.50', ['coffee', 'at', 'the', 'corner', 'shop', '4', '50']],
    ['snake_case don’t', ['snake', 'case', 'don', 't']],
    ['', []],
    [' \n-_"! 😀 👩‍👩‍👧 🇩🇪 ❤️ €', []],
    ['Straße STRASSE strasse ẞ', ['strasse', 'strasse', 'strasse', 'ss']],
    ['ΣΊΣΥΦΟΣ Σίσυφος', ['σισυφοσ', 'σισυφοσ']],
    ['ISPARTA İSPARTA ısparta isparta', ['isparta', 'isparta', 'isparta', 'isparta']],
    ['Crème brûlée cafe\u0301', ['creme', 'brulee', 'cafe']],
    ['Łódź Smørrebrød Đà Nẵng Ærø œuvre', ['lodz', 'smorrebrod', 'da', 'nang', 'aero', 'oeuvre']],
    ['Ёлка ёлка', ['елка', 'елка']],
    ['ﬁne Ｆｕｌｌ ① x² ½', ['fine', 'full', '1', 'x2', '1', '2']],
    ['co\u00adfee zero\u200bwidth', ['cofee', 'zero', 'width']],
    ['नमस्ते हिन्दी', ['नमस्ते', 'हिन्दी']],
    ['한국어 검색', ['한국어', '검색']],
    ['東京都2024年', ['東', '京', '都', '2024', '年']],
    ['コーヒー ｺｰﾋｰ がか', ['コ', 'ー', 'ヒ', 'ー', 'コ', 'ー', 'ヒ', 'ー', 'が', 'か']],
    ['ที่นี่', ['ที่', 'นี่']],
  ])('splits %j into its normalised words', (input, expected) => {
    expect(tokenize(input)).toEqual(expected)
  })

  it('treats composed and decomposed spellings alike', () => {
    fc.assert(
      fc.property(text, (input) => {
        expect(tokenize(input.normalize('NFD'))).toEqual(tokenize(input.normalize('NFC')))
      }),
    )
  })

  it('cuts words at 64 code points without tearing a character apart', () => {
    expect(tokenize('a'.repeat(65))).toEqual(['a'.repeat(MAX_TOKEN_CODE_POINTS)])
    expect(tokenize(`${'𐐨'.repeat(65)} b`)).toEqual(['𐐨'.repeat(MAX_TOKEN_CODE_POINTS), 'b'])
    expect(tokenize(`a${'𐐨'.repeat(65)}`)).toEqual([`a${'𐐨'.repeat(MAX_TOKEN_CODE_POINTS - 1)}`])
  })

  it('returns the tokens of every single character unchanged when they are tokenized again', () => {
    const changed: string[] = []
    for (const character of codePoints()) {
      const tokens = tokenize(character)
      if (tokens.length > 0 && retokenized(tokens).join() !== tokens.join()) changed.push(character)
    }
    expect(changed).toEqual([])
  })

  it('returns the tokens of any text unchanged when they are tokenized again', () => {
    fc.assert(
      fc.property(text, (input) => {
        const tokens = tokenize(input)
        expect(retokenized(tokens)).toEqual(tokens)
      }),
      { numRuns: 2_000 },
    )
  })

  it('returns well-formed, non-empty, bounded tokens without spaces for any text', () => {
    fc.assert(
      fc.property(text, (input) => {
        for (const token of tokenize(input)) {
          expect(token).toMatch(/^[\p{L}\p{N}][\p{L}\p{N}\p{M}]*$/u)
          expect(token.isWellFormed()).toBe(true)
          expect(Array.from(token).length).toBeLessThanOrEqual(MAX_TOKEN_CODE_POINTS)
        }
      }),
    )
  })

  it('takes the same words from ASCII text whichever path it goes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii' }), (input) => {
        expect(tokenize(`${input} é`)).toEqual([...tokenize(input), 'e'])
      }),
    )
  })
})
