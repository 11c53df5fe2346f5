import { describe, expect, it } from 'vitest'
import { mapAhead } from './map-ahead.ts'

async function* numbers(count: number, onTaken: (n: number) => void = () => undefined) {
  for (let n = 0; n < count; n++) {
    onTaken(n)
    yield n
  }
}

describe('mapAhead', () => {
  it('keeps the order and never runs more calls than its width', async () => {
    let running = 0
    let most = 0
    const results: number[] = []
    const slow = async (n: number) => {
      most = Math.max(most, ++running)
      for (let turns = 0; turns < 20 + (n % 3) * 4; turns++) await Promise.resolve()
      running--
      return n * 2
    }
    for await (const result of mapAhead(numbers(20), 4, slow)) results.push(result)
    expect(results).toEqual(Array.from({ length: 20 }, (_, n) => n * 2))
    expect(most).toBe(4)
  })

  it('takes no more from its source than it needs', async () => {
    let taken = 0
    const mapped = mapAhead(
      numbers(100, () => taken++),
      3,
      async (n) => n,
    )
    await mapped.next()
    await mapped.return()
    expect(taken).toBe(3)
  })

  it('waits for the calls that are running before it fails', async () => {
    const ended: number[] = []
    const mapped = mapAhead(numbers(3), 3, async (n) => {
      if (n === 0) throw new Error('the first failed')
      for (let turns = 0; turns < 10; turns++) await Promise.resolve()
      ended.push(n)
    })
    await expect(mapped.next()).rejects.toThrow('the first failed')
    expect(ended).toEqual([1, 2])
  })
})
