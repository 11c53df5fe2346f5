import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_TEXT_LENGTH, createEntryText } from './entry-text.ts'
import type { EntryTextHead } from './entry-text.ts'
import { tokenize } from './tokenizer.ts'

function textOf(values: readonly unknown[], head: Partial<EntryTextHead> = {}) {
  const collector = createEntryText({ id: '-', metadata: {}, ...head })
  for (const value of values) collector.addValue(value)
  return collector.finish()
}

describe('createEntryText', () => {
  it('puts id, filename and metadata before the data', () => {
    const head = { id: 'order-42', filename: 'Rechnung März.pdf', metadata: { tags: ['Food'], open: true } }
    expect(textOf([{ amount: 4.5, description: 'Coffee' }], head)).toEqual({
      text: 'order 42 rechnung marz pdf food 4 5 coffee',
      truncated: false,
    })
  })

  it('is empty when there is no word at all', () => {
    expect(textOf([{ a: '!', b: null, c: true }, []])).toEqual({ text: '', truncated: false })
  })

  it('adds the words of equal values once', () => {
    expect(textOf([{ a: 'Food', b: 'food!', c: 'food court' }, ['FOOD']]).text).toBe('food food court')
  })

  it('holds text up to its bound exactly without reporting a cut', () => {
    const words = Array.from({ length: 1024 }, (_, index) => String(index).padStart(3, '0').slice(-3))
    const exact = words.join(' ').concat('x')
    expect(exact.length).toBe(MAX_TEXT_LENGTH)
    expect(textOf([exact])).toEqual({ text: exact, truncated: false })
    expect(textOf([exact, 'x'])).toEqual({ text: exact, truncated: true })
    expect(textOf([`${exact}y`])).toEqual({ text: exact.slice(0, -5), truncated: true })
  })

  it('reports values too large to be read whole', () => {
    const { text, truncated } = textOf([`${'-'.repeat(100_000)} far`, 'near'])
    expect(truncated).toBe(true)
    expect(text).not.toContain('far')
  })

  it('stays in bounds, cut at a word, and reports exactly what it left out', () => {
    const leaf = fc.array(fc.stringMatching(/^[a-z]{1,80}$/), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(fc.array(leaf, { maxLength: 8 }), (leaves) => {
        const { text, truncated } = textOf(leaves.map((words) => words.join(' ')))
        const all = [...new Set(leaves.map((words) => tokenize(words.join(' ')).join(' ')))].join(' ')
        expect(text.length).toBeLessThanOrEqual(MAX_TEXT_LENGTH)
        expect(`${all} `.startsWith(text === '' ? '' : `${text} `)).toBe(true)
        expect(truncated).toBe(text !== all)
      }),
    )
  })

  it('never cuts the id, however much data follows or how it is spelled', () => {
    const metadata = { note: 'x'.repeat(4_000) }
    const { text } = textOf([Array.from({ length: 5_000 }, (_, index) => index)], {
      id: 'Ünique-1',
      metadata,
    })
    expect(text.startsWith(`unique 1 ${'x'.repeat(64)} 0 1 2`)).toBe(true)
  })
})
