import { hasErrorCode } from '@umbra/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeMetadata, encodeMetadata } from './object-metadata.ts'

describe('object metadata', () => {
  it('round-trips any unicode value as plain ASCII', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const encoded = encodeMetadata({ name: value })
        expect(encoded['name']).toMatch(/^[ -~]*$/)
        expect(decodeMetadata(encoded)).toEqual({ name: value })
      }),
    )
  })

  it('passes on values of other writers that are not percent-encoded', () => {
    expect(decodeMetadata({ discount: '50%' })).toEqual({ discount: '50%' })
  })

  it('allows 8,192 bytes and not one more', () => {
    expect(encodeMetadata({ ab: 'x'.repeat(8_190) })).toBeDefined()
    expect(codeOf(() => encodeMetadata({ ab: 'x'.repeat(8_191) }))).toBe('TOO_LARGE')
  })

  it.each([
    ['an upper-case name', { Name: 'x' }],
    ['a name that could end the header', { 'a\r\nb': 'x' }],
    ['a lone surrogate', { name: '\uD800' }],
  ])('refuses %s', (_, metadata) => {
    expect(codeOf(() => encodeMetadata(metadata))).toBe('INVALID_INPUT')
  })
})

function codeOf(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    return hasErrorCode(error, 'TOO_LARGE', 'INVALID_INPUT') ? error.code : String(error)
  }
}
