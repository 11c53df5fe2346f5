import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseExactJson } from './parse-exact-json.ts'

const rejection = (message: string) => expect.objectContaining({ code: 'INVALID_INPUT', message })
const ROUNDED = 'has a whole number that JavaScript would round'
const problemOf = (text: string): unknown => {
  try {
    parseExactJson(text)
    return undefined
  } catch (error) {
    return error
  }
}

describe('parseExactJson', () => {
  it('reads whatever JavaScript has written, as it reads it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('', ' ', '\n\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        expect(parseExactJson(text)).toEqual(JSON.parse(text))
      }),
    )
  })

  it.each([
    '9007199254740993',
    '-9007199254740993',
    '{"a":[1,9007199254740993]}',
    '{"9007199254740993":12345678901234567890}',
    '1000000000000000000000000',
    '1'.repeat(400),
  ])('refuses a whole number that would be rounded: %s', (text) => {
    expect(problemOf(text)).toEqual(rejection(ROUNDED))
  })

  it.each([
    '9007199254740992',
    '-9007199254740991',
    '100000000000000000000',
    '37240068674015050',
    '0.1',
    '-0',
    '"9007199254740993"',
    '{"9007199254740993":"a\\"9007199254740993"}',
  ])('takes what stays as it is: %s', (text) => {
    expect(parseExactJson(text)).toEqual(JSON.parse(text))
  })

  it.each([
    ['{"a":1,"a":2}', 'a'],
    ['[{"b":{"a":1}, "c":[{}], "b" : 2}]', 'b'],
    ['{"a":1,"\\u0061":1}', 'a'],
    ['{"__proto__":1,"__proto__":2}', '__proto__'],
  ])('refuses a key that occurs twice: %s', (text, key) => {
    expect(problemOf(text)).toEqual(rejection(`has a key twice in one object. key=${key}`))
  })

  it.each(['{"a":{"a":"a"},"b":["a","a",{"a":1},{"a":2}]}', '{"a":"b\\",\\"a\\":","\\\\":1}'])(
    'takes a key that occurs in different objects, and what only looks like one: %s',
    (text) => {
      expect(parseExactJson(text)).toEqual(JSON.parse(text))
    },
  )

  it('refuses what is not JSON', () => {
    for (const text of ['', '{', '"', "{'a':1}", '[1,]'])
      expect(problemOf(text)).toEqual(rejection('is not JSON'))
  })
})
