import { describe, expect, it } from 'vitest'
import { parseCsv } from './parse-csv.ts'

describe('parseCsv', () => {
  it('reads a line as an object, numbers as numbers', () => {
    expect(parseCsv('Airport,Speed,Cost,Date\r\nNEW ORLEANS INTL,140,-0.5,1990-01-11\r\n,,0,\r\n')).toEqual([
      { Airport: 'NEW ORLEANS INTL', Speed: 140, Cost: -0.5, Date: '1990-01-11' },
      { Airport: '', Speed: '', Cost: 0, Date: '' },
    ])
  })

  it('refuses what it would read wrongly', () => {
    expect(() => parseCsv('a,b\n"1,2",3')).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }))
    expect(() => parseCsv('a,b\n1,2\n3')).toThrow('line=3')
  })
})
