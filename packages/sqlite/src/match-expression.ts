import type { SearchTerm } from '@umbra/core'

export type PhraseTerm = Extract<SearchTerm, { readonly kind: 'phrase' }>

/**
 * The FTS5 query for phrases within one namespace, in the terms of migrations/0001_search.sql. Syntax:
 * https://www.sqlite.org/fts5.html#full_text_query_syntax
 */
export function toMatchExpression(terms: readonly PhraseTerm[], namespacePk: number): string {
  const toPhrase = ({ tokens, prefix }: PhraseTerm) => {
    const words = tokens.map((token) => `n${namespacePk}x${token}`).join(' ')
    // Tokens are letters and digits only; quotes are doubled all the same, so that nothing can end the string early.
    return `"${words.replaceAll('"', '""')}"${prefix ? ' *' : ''}`
  }
  const wanted = terms.filter((term) => !term.negated).map(toPhrase)
  const unwanted = terms.filter((term) => term.negated).map(toPhrase)
  const base = wanted.length === 0 ? `n${namespacePk}` : wanted.join(' AND ')
  return unwanted.length === 0 ? base : `(${base}) NOT (${unwanted.join(' OR ')})`
}
