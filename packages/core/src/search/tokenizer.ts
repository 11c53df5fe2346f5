/** Longer words are cut here, in texts and in queries alike, so a long word still finds itself. Ours: twice a SHA-1 in hex fits. */
export const MAX_TOKEN_CODE_POINTS = 64

const NON_ASCII = /[\u0080-\uffff]/
const ASCII_TOKEN = /[a-z0-9]+/g

/**
 * Dropped without ending a word: the combining diacritics of Latin, Greek and Cyrillic (marks of other scripts, such as
 * Devanagari or Thai vowel signs, are part of the spelling and stay), and invisible characters (soft hyphen, joiners,
 * variation selectors). Zero-width space and the byte order mark do end a word, as they do for `\s` and in Khmer.
 */
const DROPPED =
  /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]|(?![\u200b\ufeff])\p{Default_Ignorable_Code_Point}/gu

/** What lower-casing and decomposition leave apart although readers take it for the same letter. */
const FOLDED_LETTERS = new Map([
  ['ß', 'ss'],
  ['ς', 'σ'],
  ['ı', 'i'],
  ['æ', 'ae'],
  ['œ', 'oe'],
  ['ø', 'o'],
  ['ł', 'l'],
  ['đ', 'd'],
])
const FOLDABLE = /[ßςıæœøłđ]/g

/** Letters of scripts written without spaces between words. */
const SPACELESS = String.raw`[[\p{L}\p{N}]&&[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmr}\p{scx=Mymr}]]`
/** Built from a string because the `v` flag (set operations) is newer than the compiler's target, not than Node 20. */
const TOKEN = new RegExp(
  String.raw`${SPACELESS}\p{M}*|[[\p{L}\p{N}]--${SPACELESS}][[\p{L}\p{N}\p{M}]--${SPACELESS}]*`,
  'gv',
)

/**
 * The words of a text in the one normal form that entries and queries are compared in: NFKC, case-folded, without
 * diacritics, split at everything that is not a letter or digit. `Straße`, `STRASSE` and `strasse` are one token, and so
 * are I, İ, ı and i. Han, kana, Thai, Lao, Khmer and Burmese letters are a token each, so a run of them in a query is a
 * phrase of neighbours; Hangul stays in words. Punctuation, symbols and emoji are no tokens.
 *
 * Tokens are never empty, hold no space and at most {@link MAX_TOKEN_CODE_POINTS} code points; tokenizing them again,
 * joined by spaces, returns them unchanged.
 */
export function tokenize(text: string): string[] {
  const tokens: string[] = NON_ASCII.test(text)
    ? (fold(text).match(TOKEN) ?? [])
    : (text.toLowerCase().match(ASCII_TOKEN) ?? [])
  for (const [index, token] of tokens.entries()) {
    if (token.length > MAX_TOKEN_CODE_POINTS) tokens[index] = cut(token)
  }
  return tokens
}

/** Decomposed first, so that diacritics can be dropped one by one, and composed last, for kana and Hangul. */
function fold(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(DROPPED, '')
    .replaceAll(FOLDABLE, (letter) => FOLDED_LETTERS.get(letter) ?? letter)
    .normalize('NFC')
}

/** By code points, not units, so that no surrogate pair is torn apart; a code point is at most two units. */
function cut(token: string): string {
  return Array.from(token.slice(0, 2 * MAX_TOKEN_CODE_POINTS))
    .slice(0, MAX_TOKEN_CODE_POINTS)
    .join('')
}
