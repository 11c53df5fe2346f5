import { UmbraError } from '../errors/umbra-error.ts'
import type { SearchExpression, SearchTerm } from './search-expression.ts'
import { tokenize } from './tokenizer.ts'

/** In UTF-16 units. Ours: far beyond what a person types, small enough for every backend's query limits. */
export const MAX_QUERY_LENGTH = 1000
/** Ours: every backend answers this many conditions in one statement. */
export const MAX_QUERY_TERMS = 32

/**
 * `-`, `field:`, then a phrase in quotes (the closing one may be missing) or a word. A field begins with a letter and is
 * followed by a value, so that `12:30`, `https://example.com` and `note:` are plain words.
 */
const ITEM = /(?<minus>-?)(?:(?<field>[\p{L}_][^\s":]*):(?!\/\/))?(?:"(?<quoted>[^"]*)"?|(?<word>[^\s"]+))/gu

interface Item {
  readonly field: string | undefined
  readonly tokens: readonly string[]
  readonly negated: boolean
  /** A word that may still be being typed: not quoted, not excluded, no field. */
  readonly bare: boolean
}

/**
 * Parses what a person typed. `words`: all words must occur, the last bare one as the beginning of a word; a word of
 * several tokens (`foo-bar`) and `"a phrase"` must occur as neighbours; `-word` and `-"a phrase"` must not occur;
 * `field:value` and `field:"two words"` look into one top-level metadata value. Only exclusions mean everything else.
 * `substring`: the normalised query must occur anywhere, even inside words.
 *
 * @throws `INVALID_INPUT` when the query is longer than 1,000 characters, has more than 32 terms or no letter or digit.
 */
export function parseSearch(query: string, mode: 'words' | 'substring'): SearchExpression {
  if (query.length > MAX_QUERY_LENGTH) {
    throw invalidQuery(`query is too long; shorten it. characters=${query.length} limit=${MAX_QUERY_LENGTH}`)
  }
  return mode === 'substring' ? parseSubstring(query) : { mode: 'tokens', terms: parseTerms(query) }
}

function parseSubstring(query: string): SearchExpression {
  const needle = tokenize(query).join(' ')
  if (needle === '') throw emptyQuery()
  return { mode: 'substring', needle }
}

function parseTerms(query: string): SearchTerm[] {
  const items = Array.from(query.matchAll(ITEM), toItem).filter((item) => item.tokens.length > 0)
  if (items.length === 0) throw emptyQuery()
  if (items.length > MAX_QUERY_TERMS) {
    throw invalidQuery(`query has too many terms; use fewer. terms=${items.length} limit=${MAX_QUERY_TERMS}`)
  }
  const lastBare = items.findLastIndex((item) => item.bare)
  return items.map((item, index) => toTerm(item, index === lastBare))
}

function toItem(match: RegExpExecArray): Item {
  const { minus, field, quoted, word } = match.groups ?? {}
  const negated = minus === '-'
  const tokens = tokenize(quoted ?? word ?? '')
  if (field !== undefined && tokens.length > 0) return { field, tokens, negated, bare: false }
  // A field without a value to look for is a word like any other.
  if (field !== undefined) return { field: undefined, tokens: tokenize(field), negated, bare: !negated }
  return { field, tokens, negated, bare: !negated && quoted === undefined }
}

function toTerm({ field, tokens, negated }: Item, prefix: boolean): SearchTerm {
  return field === undefined
    ? { kind: 'phrase', tokens, prefix, negated }
    : { kind: 'field', field, tokens, negated }
}

function emptyQuery(): UmbraError {
  return invalidQuery('query must contain at least one letter or digit')
}

function invalidQuery(message: string): UmbraError {
  return new UmbraError('INVALID_INPUT', message, { details: { field: 'query' } })
}
