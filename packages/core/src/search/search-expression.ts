/**
 * A parsed search. All parts must hold. Tokens are normalised by the one tokenizer, so every backend
 * compares the same strings with the entry's `text`.
 */
export type SearchExpression = TokenExpression | SubstringExpression

export interface TokenExpression {
  readonly mode: 'tokens'
  readonly terms: readonly SearchTerm[]
}

/** `text` contains this normalised string, anywhere, even inside a word. */
export interface SubstringExpression {
  readonly mode: 'substring'
  readonly needle: string
}

export type SearchTerm =
  /** These tokens stand next to each other; with `prefix` the last may be the beginning of a word. */
  | {
      readonly kind: 'phrase'
      readonly tokens: readonly string[]
      readonly prefix: boolean
      readonly negated: boolean
    }
  /** The metadata value under `field`, tokenized, contains these tokens next to each other. */
  | {
      readonly kind: 'field'
      readonly field: string
      readonly tokens: readonly string[]
      readonly negated: boolean
    }
