import { describe, expect, it } from 'vitest'
import { formatBytes, formatCount, formatDuration, formatRate } from './format-quantity.ts'

describe('quantities', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1 kB'],
    [5_012, '5.01 kB'],
    [13_493_022, '13.5 MB'],
    [123_456_789, '123 MB'],
    [4_000_000_000_000, '4000 GB'],
  ])('writes %d bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })

  it.each([
    [0.94, '0.9 ms'],
    [17.4, '17 ms'],
    [999, '999 ms'],
    [2_340, '2.3 s'],
  ])('writes %d milliseconds as %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text)
  })

  it('separates thousands', () => {
    expect(formatCount(3_201)).toBe('3,201')
    expect(formatRate(3_201, 500, 'records')).toBe('6,402 records/s')
  })
})
