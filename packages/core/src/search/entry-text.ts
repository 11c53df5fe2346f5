import type { JsonObject } from '../json.ts'
import { tokenize } from './tokenizer.ts'
import { visitLeaves } from './visit-leaves.ts'

/** Bound of an entry's text in UTF-16 units. Ours: about 600 words, and a manifest line stays a few KiB. */
export const MAX_TEXT_LENGTH = 4096

/** Of one value only this much is read, so that a value of many megabytes costs no more than a page of text. */
const MAX_LEAF_LENGTH = 16 * MAX_TEXT_LENGTH

/** What is known of a record before its data; indexed first, so that data can never push it out. */
export interface EntryTextHead {
  readonly id: string
  readonly filename?: string | undefined
  readonly metadata: JsonObject
}

export interface EntryText {
  /** Tokens joined by single spaces, at most {@link MAX_TEXT_LENGTH} units. */
  readonly text: string
  /** True when something was left out, so a miss is not proof of absence. */
  readonly truncated: boolean
}

export interface EntryTextCollector {
  /** Indexes the strings, numbers and dates in a value, not its keys, booleans and nulls. Free once the text is full. */
  addValue(value: unknown): void
  finish(): EntryText
}

/**
 * Builds the search text of one entry: id, filename and metadata, then whatever is added. A value whose words equal
 * those of an earlier value is skipped. Values follow each other like words, so a phrase may reach from one into the next.
 */
export function createEntryText(head: EntryTextHead): EntryTextCollector {
  const parts: string[] = []
  const addLeaf = createLeafIndexer(parts)
  let truncated = false
  const addValue = (value: unknown): void => {
    if (!truncated) truncated = !visitLeaves(value, addLeaf)
  }
  addValue(head.id)
  addValue(head.filename)
  addValue(head.metadata)
  return { addValue, finish: () => ({ text: parts.join(' '), truncated }) }
}

/** Adds a leaf's tokens to `parts` while they fit; the returned function says whether all of the leaf did. */
function createLeafIndexer(parts: string[]): (raw: string) => boolean {
  const seen = new Set<string>()
  let length = 0
  const add = (token: string): boolean => {
    const grown = length + (parts.length === 0 ? 0 : 1) + token.length
    if (grown > MAX_TEXT_LENGTH) return false
    parts.push(token)
    length = grown
    return true
  }
  return (raw) => {
    const tokens = tokenize(raw.length > MAX_LEAF_LENGTH ? raw.slice(0, MAX_LEAF_LENGTH) : raw)
    const leaf = tokens.join(' ')
    if (!seen.has(leaf) && !tokens.every(add)) return false
    seen.add(leaf)
    return raw.length <= MAX_LEAF_LENGTH
  }
}
