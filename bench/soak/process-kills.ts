import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildApplication } from '../../packages/unified/src/process-kills/application-program.fixture.ts'
import { auditProcessKills } from '../../packages/unified/src/process-kills/audit-process-kills.fixture.ts'
import { runProcessKills } from '../../packages/unified/src/process-kills/run-process-kills.fixture.ts'
import type { KilledMode } from '../../packages/unified/src/process-kills/run-process-kills.fixture.ts'
import type { SoakLoop, SoakSize } from './soak-loop.ts'

const KILLS_PER_LINE = 20

/** Applications on one kind of storage, killed while they write; each pass on databases and a server of its own. */
export async function openProcessKills(mode: KilledMode, size: SoakSize): Promise<SoakLoop> {
  const program = await buildApplication()
  return {
    name: `${mode}-kills`,
    close: () => program.remove(),
    pass: async (seed, say) => {
      const folder = await mkdtemp(join(tmpdir(), `umbra-${mode}-kills-`))
      const rounds = await runProcessKills({
        mode,
        program,
        folder,
        seed,
        ...size,
        onKill: (kill, soFar) => {
          if (kill % KILLS_PER_LINE === 0) say(`kill ${kill}: ${JSON.stringify(soFar.counts())}`)
        },
      })
      try {
        const { defects, conflicts } = await auditProcessKills(rounds)
        return { counts: { ...rounds.counts(), 'pending, refused later': conflicts }, violations: defects }
      } finally {
        await rounds.close()
        await rm(folder, { recursive: true, force: true })
      }
    },
  }
}
