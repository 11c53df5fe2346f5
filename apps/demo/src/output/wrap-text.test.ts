import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutText, wrapText } from './wrap-text.ts'

describe('wrapText', () => {
  it('breaks between words and indents every line', () => {
    expect(wrapText('one two three', 9, '  ')).toEqual(['  one two', '  three'])
    expect(wrapText('a considerably long', 9, '  ')).toEqual(['  a', '  considerably', '  long'])
  })

  it('keeps every word in order and every line within the width, if its words fit', () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 })
    fc.assert(
      fc.property(words, fc.integer({ min: 14, max: 40 }), (words, width) => {
        const lines = wrapText(words.join(' '), width, '  ')
        expect(lines.map((line) => line.trim()).join(' ')).toBe(words.join(' '))
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width)
      }),
    )
  })
})

describe('cutText', () => {
  it('cuts only what is too long, and shows it', () => {
    expect(cutText('manifest', 8)).toBe('manifest')
    expect(cutText('manifests', 8)).toBe('manifes…')
  })
})
