import type { SearchTerm, TokenExpression } from '@umbra/core'

type PhraseTerm = Extract<SearchTerm, { readonly kind: 'phrase' }>

/**
 * The FTS5 query for the phrases of a search within one namespace, or undefined when there are none. Field terms are left
 * out: they look into the metadata, which is not in the index. Syntax: https://www.sqlite.org/fts5.html#full_text_query_syntax
 */
export function toMatchExpression(expression: TokenExpression, namespacePk: number): string | undefined {
  const phrases = expression.terms.filter((term): term is PhraseTerm => term.kind === 'phrase')
  if (phrases.length === 0) return undefined
  const wanted = phrases.filter((term) => !term.negated).map(toPhrase)
  const unwanted = phrases.filter((term) => term.negated).map(toPhrase)
  const inNamespace = [`namespace : "n${namespacePk}"`, ...wanted].join(' AND ')
  return unwanted.length === 0 ? inNamespace : `(${inNamespace}) NOT (${unwanted.join(' OR ')})`
}

function toPhrase({ tokens, prefix }: PhraseTerm): string {
  // Tokens are letters and digits only; the quotes are doubled all the same, so that nothing can end the string early.
  const quoted = `"${tokens.join(' ').replaceAll('"', '""')}"`
  return `text : ${quoted}${prefix ? ' *' : ''}`
}
