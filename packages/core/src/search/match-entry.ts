import type { JsonValue } from '../json.ts'
import type { ManifestEntry } from '../records/manifest-entry.ts'
import type { SearchExpression, SearchTerm } from './search-expression.ts'
import { tokenize } from './tokenizer.ts'

type SearchableEntry = Pick<ManifestEntry, 'text' | 'metadata'>

/** What a search means: every backend returns exactly the entries for which this is true. */
export function matchesSearch(entry: SearchableEntry, expression: SearchExpression): boolean {
  return createSearchMatcher(expression)(entry)
}

/** {@link matchesSearch} prepared once for many entries. */
export function createSearchMatcher(expression: SearchExpression): (entry: SearchableEntry) => boolean {
  if (expression.mode === 'substring') return (entry) => entry.text.includes(expression.needle)
  const conditions = expression.terms.map(createCondition)
  return (entry) => conditions.every((holds) => holds(entry))
}

function createCondition(term: SearchTerm): (entry: SearchableEntry) => boolean {
  const phrase = term.tokens.join(' ')
  if (term.kind === 'phrase') return ({ text }) => containsPhrase(text, phrase, term.prefix) !== term.negated
  return ({ metadata }) => fieldContains(metadata, term.field, phrase) !== term.negated
}

function fieldContains(metadata: ManifestEntry['metadata'], field: string, phrase: string): boolean {
  const value = Object.hasOwn(metadata, field) ? metadata[field] : undefined
  if (value === undefined) return false
  const elements: readonly JsonValue[] = Array.isArray(value) ? value : [value]
  return elements.some(
    (element) =>
      (element === null || typeof element !== 'object') &&
      containsPhrase(tokenize(String(element)).join(' '), phrase, false),
  )
}

/** Whether `phrase` stands in `text` as whole words; with `openEnded` its last word may be the beginning of one. */
function containsPhrase(text: string, phrase: string, openEnded: boolean): boolean {
  for (let at = text.indexOf(phrase); at !== -1; at = text.indexOf(phrase, at + 1)) {
    const end = at + phrase.length
    const startsWord = at === 0 || text[at - 1] === ' '
    if (startsWord && (openEnded || end === text.length || text[end] === ' ')) return true
  }
  return false
}
