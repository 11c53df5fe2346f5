import { describe, expect, it } from 'vitest'
import { collectBytes } from '@umbra/core'
import { countBytes, countRows, createLogProgress } from './progress.ts'

function logOf(total: number, unit: 'films' | 'bytes') {
  const lines: string[] = []
  let time = 5_000
  const progress = createLogProgress(
    (line) => lines.push(line),
    { total, unit },
    () => time,
  )
  return {
    lines,
    advance: (count: number, afterMs: number) => {
      time += afterMs
      progress.advance(count)
    },
  }
}

describe('progress in a log', () => {
  it('says nothing about what takes less than a second', () => {
    const { lines, advance } = logOf(300, 'films')
    for (let batch = 0; batch < 3; batch++) advance(100, 300)
    expect(lines).toEqual([])
  })

  it('writes at most one line a second, and none for the end', () => {
    const { lines, advance } = logOf(10_000, 'films')
    for (let batch = 0; batch < 25; batch++) advance(400, 100)
    expect(lines).toEqual(['  ... 4,000 of 10,000 films, 4,000/s', '  ... 8,000 of 10,000 films, 4,000/s'])
  })

  it('counts bytes in units that people read', () => {
    const { lines, advance } = logOf(13_493_022, 'bytes')
    advance(6_000_000, 1_500)
    expect(lines).toEqual(['  ... 6 MB of 13.5 MB, 4 MB/s'])
  })
})

describe('counting', () => {
  it('hands on every row and chunk and counts what was taken', async () => {
    const counts: number[] = []
    const progress = { advance: (count: number) => void counts.push(count), stop: () => {} }
    expect([...countRows(['a', 'b'], progress)]).toEqual(['a', 'b'])
    async function* chunks() {
      yield Uint8Array.of(1, 2, 3)
      yield Uint8Array.of(4)
    }
    expect(await collectBytes(countBytes(chunks(), progress))).toEqual(Buffer.of(1, 2, 3, 4))
    expect(counts).toEqual([1, 1, 3, 1])
  })
})
