import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { attachmentDisposition } from './content-disposition.ts'

describe('attachmentDisposition', () => {
  it('gives an ASCII name and the exact one', () => {
    expect(attachmentDisposition("Bericht 'Q1' (世界).pdf")).toBe(
      `attachment; filename="Bericht _Q1_ ____.pdf"; filename*=UTF-8''Bericht%20%27Q1%27%20%28%E4%B8%96%E7%95%8C%29.pdf`,
    )
  })

  it('is one well-formed header value for any name, from which the name can be read back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const value = attachmentDisposition(name)
        const match =
          /^attachment; filename="[A-Za-z0-9 ._-]*"; filename\*=UTF-8''([A-Za-z0-9%!~._-]*)$/.exec(value)
        expect(match).not.toBeNull()
        expect(decodeURIComponent(match?.[1] ?? '')).toBe(name.toWellFormed())
      }),
    )
  })
})
