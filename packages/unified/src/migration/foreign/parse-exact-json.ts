import { UmbraError } from '@umbra/core'

/** From its first character on; the text is known to be JSON. */
const NUMBER = /-?\d[\d.eE+-]*/y

/**
 * Reads JSON whose values JavaScript can hold. Fractions and numbers with an exponent are read as JavaScript reads them.
 *
 * @throws `INVALID_INPUT` when the text is not JSON, or has something that would be changed: a whole number that is rounded,
 * or a key that occurs twice in one object, of which only the last value would stay. The message says of "it" what is wrong.
 */
export function parseExactJson(text: string): unknown {
  const value = parse(text)
  const problem = findInexact(text)
  if (problem === undefined) return value
  throw new UmbraError('INVALID_INPUT', problem)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UmbraError('INVALID_INPUT', 'is not JSON', { cause })
  }
}

/** Nothing else of JSON looks like a number or a key outside of its strings. */
function findInexact(text: string): string | undefined {
  const open: Set<unknown>[] = []
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '{') open.push(new Set())
    else if (character === '}') open.pop()
    else if (character === '"') {
      const end = endOfString(text, at)
      if (isFollowedByColon(text, end)) {
        const key: unknown = JSON.parse(text.slice(at, end))
        const keys = open.at(-1)
        if (keys?.has(key) === true) return `has a key twice in one object. key=${String(key)}`
        keys?.add(key)
      }
      at = end - 1
    } else if (character === '-' || isDigit(character)) {
      NUMBER.lastIndex = at
      const number = NUMBER.exec(text)?.[0] ?? ''
      if (isRounded(number)) return 'has a whole number that JavaScript would round'
      at += number.length - 1
    }
  }
  return undefined
}

/** After the closing quote. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

function isFollowedByColon(text: string, end: number): boolean {
  let at = end
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++
  return text[at] === ':'
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9'
}

function isRounded(number: string): boolean {
  const value = Number(number)
  if (!/^-?\d+$/.test(number) || Number.isSafeInteger(value)) return false
  // JavaScript itself writes some with other digits than they have, and reads them back as the same.
  return !Number.isFinite(value) || (String(value) !== number && BigInt(value) !== BigInt(number))
}
