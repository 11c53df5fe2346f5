import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createOutput } from './output.ts'

function outputOf(columns: number | undefined) {
  const stream = Object.assign(new PassThrough(), { columns, isTTY: false })
  return { out: createOutput(stream), text: () => String(stream.read() ?? '') }
}

describe('output', () => {
  it('keeps every line within the terminal', () => {
    const { out, text } = outputOf(30)
    out.chapter('SQLite')
    out.explain('Rows that belong together go into one record.')
    out.result('200,000 rows stored in 440 ms, and read back')
    out.data('https://example.com/a/long/address')
    expect(text().split('\n')).toEqual([
      '',
      '',
      `SQLite ${'═'.repeat(23)}`,
      '  Rows that belong together go',
      '  into one record.',
      '  ✔ 200,000 rows stored in 440',
      '    ms, and read back',
      '    https://example.com/a/lon…',
      '',
    ])
  })

  it('uses 100 columns where there is no terminal', () => {
    const { out, text } = outputOf(undefined)
    out.data('x'.repeat(200))
    expect(text().trimEnd()).toHaveLength(100)
  })

  it('explains a thing once, however often it is shown', () => {
    const { out, text } = outputOf(80)
    out.explain('why')
    out.explain('why')
    expect(text()).toBe('  why\n')
  })
})
