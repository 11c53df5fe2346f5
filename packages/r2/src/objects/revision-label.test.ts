import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeMetadata, encodeMetadata } from './object-metadata.ts'
import { decodeRevisionLabel, encodeRevisionLabel } from './revision-label.ts'

const label = fc.record({
  id: fc.string({ unit: 'grapheme', minLength: 1 }).map((id) => id.normalize('NFC')),
  rev: fc.integer({ min: 1 }),
  sha256: fc.stringMatching(/^[0-9a-f]{64}$/),
  op: fc.stringMatching(/^[0-9A-Z]{26}$/),
  at: fc
    .date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') })
    .map((date) => date.toISOString()),
})

describe('the label of a revision', () => {
  it('round-trips whatever the id is, through the headers too', () => {
    fc.assert(
      fc.property(label, (one) => {
        const sent = encodeMetadata(encodeRevisionLabel(one))
        expect(decodeRevisionLabel(decodeMetadata(sent))).toEqual(one)
      }),
    )
  })

  it.each([
    ['nothing', {}],
    ['metadata of somebody else', { umbra: 'penumbra' }],
    ['half of one', { umbra: 'a~1~abc' }],
    ['more than one', { umbra: 'a~1~abc~op~at~more' }],
    ['a revision that is none', { umbra: 'a~x~abc~op~at' }],
    ['revision 0', { umbra: 'a~0~abc~op~at' }],
    ['an id that is none', { umbra: '%zz~1~abc~op~at' }],
  ])('is not read from %s', (_, metadata) => {
    expect(decodeRevisionLabel(metadata)).toBeUndefined()
  })
})
