import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ERROR_CODES } from './error-codes.ts'

const page = readFileSync(new URL('../../../../docs/errors.md', import.meta.url), 'utf8')
const rows = page.split('\n').flatMap((line) => {
  const cells = line.split('|').map((cell) => cell.trim())
  const code = /^`([A-Z_]+)`$/.exec(cells[1] ?? '')?.[1]
  return code === undefined ? [] : [{ code, meaning: cells[2], retry: cells[3], advice: cells[4] ?? '' }]
})

describe('docs/errors.md', () => {
  it('documents every code once, in the order of the table, and no other', () => {
    expect(rows.map(({ code }) => code)).toEqual(Object.keys(ERROR_CODES))
  })

  it('says of every code what the table says, and what to do', () => {
    const documented = rows.map(({ code, meaning, retry }) => [code, meaning, retry])
    const table = Object.entries(ERROR_CODES).map(([code, { summary, retryable }]) => [
      code,
      summary,
      retryable ? 'yes' : 'no',
    ])
    expect(documented).toEqual(table)
    for (const { code, advice } of rows) expect(advice, code).toMatch(/^[A-Z].{20,}\.$/)
  })

  it('mentions no code that does not exist', () => {
    const mentioned = [...page.matchAll(/`([A-Z]+_[A-Z_]+)`/g)].map(([, code]) => code)
    expect(mentioned.filter((code) => code === undefined || !(code in ERROR_CODES))).toEqual([])
  })
})
