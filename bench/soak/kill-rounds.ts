import { startLocalR2 } from '@umbra/r2/local'
import { auditKillRounds } from '../../packages/r2/src/kill-rounds/audit-kill-rounds.fixture.ts'
import { ROUGH_NETWORK } from '../../packages/r2/src/kill-rounds/kill-faults.fixture.ts'
import { runKillRounds } from '../../packages/r2/src/kill-rounds/run-kill-rounds.fixture.ts'
import type { KillRounds } from '../../packages/r2/src/kill-rounds/run-kill-rounds.fixture.ts'
import { buildWorker } from '../../packages/r2/src/kill-rounds/worker-process.fixture.ts'
import type { SoakLoop } from './soak-loop.ts'

const ROUNDS_PER_PASS = 40

const ROUNDS_PER_LINE = 20

/** Passes take turns between workers that hardly get going and workers that get a lot done before they die. */
const MAX_PAUSE_MS: readonly number[] = [200, 2_000]

/** Processes that are killed while they write through a rough network; each pass on a server of its own. */
export async function openKillRounds(): Promise<SoakLoop> {
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
          rounds: ROUNDS_PER_PASS,
          faults: ROUGH_NETWORK,
          maxPauseMs: MAX_PAUSE_MS[seed % MAX_PAUSE_MS.length] ?? 200,
          onRound: (round, soFar) => {
            if (round % ROUNDS_PER_LINE === 0)
              say(`round ${round}: ${JSON.stringify(countsOf(round, soFar))}`)
          },
        })
        const violations = await auditKillRounds(server.settings, rounds)
        return { counts: countsOf(ROUNDS_PER_PASS, rounds), violations }
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
