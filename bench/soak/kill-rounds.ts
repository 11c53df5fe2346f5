import type { FaultRule } from '@umbra/core/testing'
import { startLocalR2 } from '@umbra/r2/local'
import { auditKillRounds } from '../../packages/r2/src/kill-rounds/audit-kill-rounds.fixture.ts'
import { LIMITED_WRITES, ROUGH_NETWORK } from '../../packages/r2/src/kill-rounds/kill-faults.fixture.ts'
import { runKillRounds } from '../../packages/r2/src/kill-rounds/run-kill-rounds.fixture.ts'
import type { KillRounds } from '../../packages/r2/src/kill-rounds/run-kill-rounds.fixture.ts'
import { buildWorker } from '../../packages/r2/src/kill-rounds/worker-process.fixture.ts'
import type { SoakLoop, SoakSize } from './soak-loop.ts'

const ROUNDS_PER_LINE = 20

/** Passes take turns: workers that hardly get going, workers that get a lot done, and those of a store that takes one write of a key per second. */
function circumstances(seed: number): { readonly faults: readonly FaultRule[]; readonly maxPauseMs: number } {
  const faults = seed % 3 === 2 ? [...LIMITED_WRITES, ...ROUGH_NETWORK] : ROUGH_NETWORK
  return { faults, maxPauseMs: seed % 3 === 0 ? 200 : 2_000 }
}

/** Processes that are killed while they write through a rough network; each pass on a server of its own. */
export async function openKillRounds({ kills }: SoakSize): Promise<SoakLoop> {
  const program = await buildWorker()
  return {
    name: 'kill-rounds',
    close: () => program.remove(),
    pass: async (seed, say) => {
      const server = await startLocalR2()
      try {
        const rounds = await runKillRounds({
          server,
          program,
          seed,
          rounds: kills,
          ...circumstances(seed),
          onRound: (round, soFar) => {
            if (round % ROUNDS_PER_LINE === 0)
              say(`round ${round}: ${JSON.stringify(countsOf(round, soFar))}`)
          },
        })
        const violations = await auditKillRounds(server.settings, rounds)
        return { counts: countsOf(kills, rounds), violations }
      } finally {
        await server.close()
      }
    },
  }
}

function countsOf(kills: number, { ledger, faultCounts }: KillRounds): Record<string, number> {
  const { ready, ...writes } = ledger.totals()
  return { kills, starts: ready, ...writes, ...faultCounts() }
}
