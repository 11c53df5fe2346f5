import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_QUERY_LENGTH, MAX_QUERY_TERMS, parseSearch } from './parse-search.ts'
import type { SearchTerm } from './search-expression.ts'
import { tokenize } from './tokenizer.ts'

const terms = (query: string) => {
  const expression = parseSearch(query, 'words')
  return expression.mode === 'tokens' ? expression.terms : []
}
const phrase = (tokens: string, options: { prefix?: true; negated?: true } = {}): SearchTerm => ({
  kind: 'phrase',
  tokens: tokens.split(' '),
  prefix: options.prefix ?? false,
  negated: options.negated ?? false,
})
const field = (name: string, tokens: string, negated = false): SearchTerm => ({
  kind: 'field',
  field: name,
  tokens: tokens.split(' '),
  negated,
})
const refused = expect.objectContaining({
  code: 'INVALID_INPUT',
  message: expect.stringContaining('query'),
  details: { field: 'query' },
})
const parseError = (query: string, mode: 'words' | 'substring') => {
  try {
    parseSearch(query, mode)
    return undefined
  } catch (error) {
    return error
  }
}

describe('parseSearch in words mode', () => {
  it.each<[string, SearchTerm[]]>([
    ['coffee', [phrase('coffee', { prefix: true })]],
    ['Coffee Sho', [phrase('coffee'), phrase('sho', { prefix: true })]],
    ['foo-bar', [phrase('foo bar', { prefix: true })]],
    ['東京 x', [phrase('東 京'), phrase('x', { prefix: true })]],
    ['"Corner Shop"', [phrase('corner shop')]],
    [
      'cof "corner shop" -tea',
      [phrase('cof', { prefix: true }), phrase('corner shop'), phrase('tea', { negated: true })],
    ],
    ['-tea', [phrase('tea', { negated: true })]],
    ['-"green tea" -"', [phrase('green tea', { negated: true })]],
    ['"open end', [phrase('open end')]],
    ['a"b c"d', [phrase('a'), phrase('b c'), phrase('d', { prefix: true })]],
    ['coffee & - " " !', [phrase('coffee', { prefix: true })]],
    ['category:Food', [field('category', 'food')]],
    ['-Category:"fast food" x', [field('Category', 'fast food', true), phrase('x', { prefix: true })]],
    ['project.id:7 a:b:c', [field('project.id', '7'), field('a', 'b c')]],
    ['note: 12:30', [phrase('note'), phrase('12 30', { prefix: true })]],
    ['https://example.com/a', [phrase('https example com a', { prefix: true })]],
    ['note:"" note:!', [phrase('note'), phrase('note', { prefix: true })]],
  ])('reads %j', (query, expected) => {
    expect(terms(query)).toEqual(expected)
  })

  it('refuses a query without a letter or digit', () => {
    for (const query of ['', '  ', '"', '-', '-""', ':::', '😀'])
      expect(parseError(query, 'words')).toEqual(refused)
  })

  it('accepts 1,000 characters and 32 terms, and refuses one more', () => {
    expect(terms('a'.repeat(MAX_QUERY_LENGTH))).toHaveLength(1)
    expect(parseError('a'.repeat(MAX_QUERY_LENGTH + 1), 'words')).toEqual(refused)
    expect(terms('a '.repeat(MAX_QUERY_TERMS))).toHaveLength(MAX_QUERY_TERMS)
    expect(parseError('a '.repeat(MAX_QUERY_TERMS + 1), 'words')).toEqual(refused)
  })

  it('reads anything with a letter or digit as terms that all have tokens, at most one open-ended', () => {
    const unit = fc.constantFrom('a', 'é', '東', '"', '-', ':', ' ', '/', '1', '_', '😀', '\u3000')
    const typed = fc.oneof(fc.string({ unit, maxLength: 30 }), fc.string({ unit: 'binary', maxLength: 30 }))
    fc.assert(
      fc.property(typed, (query) => {
        fc.pre(tokenize(query).length > 0)
        const parsed = terms(query)
        expect(parsed.length).toBeGreaterThan(0)
        expect(parsed.every((term) => term.tokens.length > 0)).toBe(true)
        expect(parsed.filter((term) => term.kind === 'phrase' && term.prefix).length).toBeLessThanOrEqual(1)
      }),
    )
  })
})

describe('parseSearch in substring mode', () => {
  it('normalises the query as a whole, operators included', () => {
    expect(parseSearch(' -Fee "SHÖ', 'substring')).toEqual({ mode: 'substring', needle: 'fee sho' })
  })

  it('refuses the empty and the over-long query', () => {
    expect(parseError(' - ', 'substring')).toEqual(refused)
    expect(parseError('a'.repeat(MAX_QUERY_LENGTH + 1), 'substring')).toEqual(refused)
  })
})
