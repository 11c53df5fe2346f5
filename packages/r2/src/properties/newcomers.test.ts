import { describe, expect, it } from 'vitest'
import { measurePace } from './measure-fairness.fixture.ts'

const SEEDS = Array.from({ length: 15 }, (_, seed) => seed + 1)

describe('9. who is new among the writers of one head', () => {
  it('gets in soon beside one that is always busy, which leaves gaps', async () => {
    const busy = { beginsAtMs: 0, records: 80 }
    const newcomer = { beginsAtMs: 10_000, records: 1 }
    let waitedMs = 0
    for (const seed of SEEDS) {
      const { latencies } = await measurePace([busy, newcomer], { seed })
      expect(latencies[1]).toHaveLength(1)
      waitedMs += latencies[1]?.[0] ?? 0
    }
    // 3.4 s; 5.8 s when it waits out an interval after a write that it has lost, and 7.3 s without gaps.
    expect(waitedMs / SEEDS.length).toBeLessThanOrEqual(4_300)
  })

  it('does not always go first: of many that come for one record each, most would lose their write', async () => {
    const visitors = Array.from({ length: 60 }, (_, n) => ({ beginsAtMs: n * 500, records: 1 }))
    const { putsPerCommit } = await measurePace([{ beginsAtMs: 0, records: 60 }, ...visitors], { seed: 1 })
    // 4.4, and 17.8 when each goes first.
    expect(putsPerCommit).toBeLessThanOrEqual(6)
  })
})
