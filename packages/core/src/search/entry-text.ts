import type { JsonObject } from '../json.ts'
import { tokenize } from './tokenizer.ts'

/** Bound of an entry's text in UTF-16 units. Ours: about 600 words, and a manifest line stays a few KiB. */
export const MAX_TEXT_LENGTH = 4096

/** Of one value only this much is read, so that a value of many megabytes costs no more than a page of text. */
const MAX_LEAF_LENGTH = 16 * MAX_TEXT_LENGTH

/** Deeper values are left out (and reported) rather than risking the call stack. Ours: far beyond real documents. */
const MAX_DEPTH = 256

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
  /** Indexes the strings and numbers in a JSON value, not its keys, booleans and nulls. Free once the text is full. */
  addValue(value: unknown): void
  finish(): EntryText
}

/**
 * Builds the search text of one entry: id, filename and metadata, then whatever is added. A value whose words equal
 * those of an earlier value is skipped. Values follow each other like words, so a phrase may reach from one into the next.
 */
export function createEntryText(head: EntryTextHead): EntryTextCollector {
  const parts: string[] = []
  const seen = new Set<string>()
  let length = -1
  let truncated = false

  function addNode(value: unknown, depth: number): void {
    if (typeof value === 'string') addLeaf(value)
    else if (Number.isFinite(value) || typeof value === 'bigint') addLeaf(String(value))
    else if (typeof value === 'object' && value !== null) addChildren(value, depth)
  }

  function addChildren(parent: object, depth: number): void {
    if (depth === MAX_DEPTH) truncated = true
    if (hasToJson(parent)) return truncated ? undefined : addNode(parent.toJSON(), depth + 1)
    for (const child of Array.isArray(parent) ? parent : Object.values(parent)) {
      if (truncated) return
      addNode(child, depth + 1)
    }
  }

  function addLeaf(raw: string): void {
    const tokens = tokenize(raw.length > MAX_LEAF_LENGTH ? raw.slice(0, MAX_LEAF_LENGTH) : raw)
    const leaf = tokens.join(' ')
    if (leaf !== '' && !seen.has(leaf)) append(tokens, leaf)
    if (raw.length > MAX_LEAF_LENGTH) truncated = true
  }

  function append(tokens: readonly string[], leaf: string): void {
    if (length + 1 + leaf.length <= MAX_TEXT_LENGTH) {
      seen.add(leaf)
      parts.push(leaf)
      length += 1 + leaf.length
      return
    }
    truncated = true
    for (const token of tokens) {
      if (length + 1 + token.length > MAX_TEXT_LENGTH) return
      parts.push(token)
      length += 1 + token.length
    }
  }

  addLeaf(head.id)
  if (head.filename !== undefined) addLeaf(head.filename)
  addNode(head.metadata, 0)
  return {
    addValue: (value) => {
      if (!truncated) addNode(value, 0)
    },
    finish: () => ({ text: parts.join(' '), truncated }),
  }
}

/** Dates, decimals and the like are indexed as what JSON stores for them. */
function hasToJson(value: object): value is { toJSON(): unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function'
}
