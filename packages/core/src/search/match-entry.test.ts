import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../json.ts'
import { createEntryText } from './entry-text.ts'
import { matchesSearch } from './match-entry.ts'
import { parseSearch } from './parse-search.ts'
import { tokenize } from './tokenizer.ts'

const matches = (text: string, query: string, metadata: JsonObject = {}) =>
  matchesSearch({ text, metadata }, parseSearch(query, 'words'))

/** A small alphabet, so that words meet, repeat and begin alike. */
const word = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '東'), minLength: 1, maxLength: 3 })
const words = fc.array(word, { minLength: 1, maxLength: 12 })
const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  words.map((list) => list.join(' ')),
)

describe('matchesSearch', () => {
  const text = 'coffee at the corner shop 4 50'

  it.each([
    ['coffee', true],
    ['shop coffee', true],
    ['cof', true],
    ['cof shop', false],
    ['off', false],
    ['coffee tea', false],
    ['"corner shop"', true],
    ['"shop corner"', false],
    ['"corner sho"', false],
    ['"orner shop"', false],
    ['corner-sho', true],
    ['4.50', true],
    ['coffee -tea', true],
    ['coffee -shop', false],
    ['coffee -sho', true],
    ['-"the corner"', false],
    ['-tea', true],
  ])('answers %j by whole words, the last one open-ended', (query, expected) => {
    expect(matches(text, query)).toBe(expected)
  })

  it('looks past a hit that is no whole word', () => {
    expect(matches('abc ab', '"ab"')).toBe(true)
    expect(matches('xab ab', 'ab')).toBe(true)
    expect(matches('a a b', '"a b"')).toBe(true)
  })

  it('looks for a field in one top-level metadata value', () => {
    const metadata = {
      category: 'Fast Food',
      tags: ['red', 'dark green', null],
      year: 2024,
      paid: true,
      gone: null,
      nested: { category: 'deep' },
    }
    const found = [
      'category:fast',
      'category:"fast food"',
      'tags:green',
      'year:2024',
      'paid:true',
      'gone:null',
      'tags:null',
    ]
    const missed = [
      'category:fas',
      'category:"food fast"',
      'tags:"red dark"',
      'Category:fast',
      'nested:deep',
      'nested.category:deep',
      'other:food',
      'constructor:object',
      'toString:native',
      'text:fast',
    ]
    expect(found.filter((query) => matches('', query, metadata))).toEqual(found)
    expect(missed.filter((query) => matches('', query, metadata))).toEqual([])
    expect(missed.filter((query) => matches('', `-${query}`, metadata))).toEqual(missed)
  })

  it('finds a substring even inside words, and across them', () => {
    const substring = (query: string) =>
      matchesSearch({ text, metadata: {} }, parseSearch(query, 'substring'))
    expect(['offe', 'ner sho', '4.5', 'COFFEE'].map(substring)).toEqual([true, true, true, true])
    expect(['shop corner', 'offer'].map(substring)).toEqual([false, false])
  })

  it('finds a text by each of its words as they are written, and by the beginnings of its tokens', () => {
    fc.assert(
      fc.property(anyText, (data) => {
        const collector = createEntryText({ id: '-', metadata: {} })
        collector.addValue(data)
        const { text } = collector.finish()
        for (const written of data.replaceAll('"', ' ').split(/\s+/)) {
          if (tokenize(written).length > 0) expect(matches(text, `"${written}"`)).toBe(true)
        }
        for (const token of tokenize(data)) {
          for (let end = 1; end <= token.length; end++) {
            const beginning = token.slice(0, end)
            // A beginning that normalisation takes further apart or changes is not what the text holds.
            if (tokenize(beginning).join(' ') === beginning) expect(matches(text, beginning)).toBe(true)
          }
        }
      }),
    )
  })

  it('never returns what is excluded', () => {
    fc.assert(
      fc.property(words, fc.nat(), word, (list, pick, other) => {
        const text = tokenize(list.join(' ')).join(' ')
        const excluded = list[pick % list.length]
        expect(matches(text, `-"${excluded}"`)).toBe(false)
        expect(matches(text, `${other} -${excluded}`)).toBe(false)
      }),
    )
  })

  it('agrees with comparing tokens one by one', () => {
    const holds = (tokens: string[], wanted: string[], prefix: boolean) =>
      tokens.some((_, start) =>
        wanted.every((token, index) => {
          const found = tokens[start + index]
          const open = prefix && index === wanted.length - 1
          return found !== undefined && (open ? found.startsWith(token) : found === token)
        }),
      )
    fc.assert(
      fc.property(
        words,
        fc.array(word, { minLength: 1, maxLength: 2 }),
        fc.boolean(),
        (list, wanted, prefix) => {
          const tokens = tokenize(list.join(' '))
          const looked = tokenize(wanted.join(' '))
          const terms = [{ kind: 'phrase' as const, tokens: looked, prefix, negated: false }]
          const entry = { text: tokens.join(' '), metadata: {} }
          expect(matchesSearch(entry, { mode: 'tokens', terms })).toBe(holds(tokens, looked, prefix))
        },
      ),
      { numRuns: 1_000 },
    )
  })
})
