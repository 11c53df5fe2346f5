import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { attachment, parseFilename } from './content-disposition.ts'
import { includesEtag, parseEntityTags } from './entity-tags.ts'

describe('entity tags', () => {
  const etagText = fc.stringMatching(/^[!#-~]{0,20}$/)

  it('come back from any list of them, whatever stands between', () => {
    const tag = fc.record({ value: etagText, weak: fc.boolean() })
    const space = fc.constantFrom('', ' ', '\t ')
    fc.assert(
      fc.property(fc.array(tag, { minLength: 1 }), space, space, (tags, before, after) => {
        const header = tags
          .map(({ value, weak }) => `${before}${weak ? 'W/' : ''}"${value}"${after}`)
          .join(',')
        expect(parseEntityTags(header, 'if-match')).toEqual(tags)
        for (const { value } of tags) expect(includesEtag(tags, value)).toBe(true)
      }),
    )
  })

  it.each(['', 'abc', '"a', 'a"', '"a" "b"', 'w/"a"', '"a", b', '*, "a"', ',', 'W/'])(
    'refuse %j',
    (header) => {
      expect(() => parseEntityTags(header, 'if-match')).toThrow(/if-match must be/)
    },
  )

  it('take time in proportion to the length of a hostile header', () => {
    const started = performance.now()
    expect(() => parseEntityTags(`${' '.repeat(8_000)}x`, 'if-match')).toThrow()
    expect(() => parseEntityTags(`${'"a" , '.repeat(2_000)}x`, 'if-match')).toThrow()
    expect(performance.now() - started).toBeLessThan(500)
  })
})

describe('content disposition', () => {
  it('carries any well-formed file name there and back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (filename) => {
        const header = attachment(filename)
        expect(header).toMatch(/^[\x20-\x7e]*$/)
        expect(parseFilename(header)).toBe(filename)
      }),
    )
  })

  it.each([
    ['attachment', undefined],
    ['attachment; filename=a.txt', 'a.txt'],
    ['inline; FileName = "a \\"b\\".txt"', 'a "b".txt'],
    [`attachment; filename=plain.txt; filename*=utf-8'en'%e2%82%ac.txt`, '€.txt'],
    [`attachment; filename="plain.txt"; filename*=UTF-8''%ff`, 'plain.txt'],
    ['form-data; name="filename=x"', undefined],
    [undefined, undefined],
  ])('finds in %j the name %j', (header, filename) => {
    expect(parseFilename(header)).toBe(filename)
  })

  it('is a bare attachment without a name', () => {
    expect(attachment(null)).toBe('attachment')
    expect(attachment(undefined)).toBe('attachment')
  })
})
