import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCursor, encodeCursor } from './cursor.ts'

const refused = expect.objectContaining({
  code: 'INVALID_INPUT',
  message: expect.stringContaining('cursor'),
  details: { field: 'cursor' },
})
const decodeError = (cursor: string) => {
  try {
    decodeCursor(cursor, 'newest')
    return undefined
  } catch (error) {
    return error
  }
}
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const order = fc.constantFrom('newest' as const, 'oldest' as const)
const position = fc.record({ timestamp: fc.string(), id: fc.string({ unit: 'binary' }) })

describe('cursor', () => {
  it('returns the position it was made from, through a URL', () => {
    fc.assert(
      fc.property(order, position, (order, position) => {
        const cursor = encodeCursor(order, position)
        expect(cursor).toMatch(/^[\w-]+$/)
        expect(decodeCursor(cursor, order)).toEqual(position)
      }),
    )
  })

  it('is refused in another order', () => {
    const cursor = encodeCursor('oldest', { timestamp: '2024-01-01T00:00:00.000Z', id: 'a' })
    expect(decodeError(cursor)).toEqual(refused)
    expect(decodeError(cursor)).toHaveProperty('message', expect.stringContaining('another order'))
  })

  it.each([
    '',
    'x',
    '!!!!',
    '42',
    encoded(null),
    encoded({ length: 3 }),
    encoded([]),
    encoded(['newest', '2024']),
    encoded(['newest', '2024', 7]),
    encoded(['newest', '2024', 'a', 'more']),
    `${encoded(['newest', '2024', 'a'])}=`,
    ` ${encoded(['newest', '2024', 'a'])}`,
    Buffer.from('["newest", "2024", "a"]').toString('base64url'),
  ])('refuses %j, which it never made', (cursor) => {
    expect(decodeError(cursor)).toEqual(refused)
  })

  it('refuses any other string with the same error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json().map(encoded), fc.base64String()), (cursor) => {
        expect(decodeError(cursor)).toEqual(refused)
      }),
    )
  })
})
