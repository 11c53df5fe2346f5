import { parseArgs } from 'node:util'
import { openFullDisk } from './full-disk.ts'
import { openKillRounds } from './kill-rounds.ts'
import { openOutboxSimulation, openSimulation } from './simulation.ts'
import { openMigrationKills } from './migration-kills.ts'
import { openProcessKills } from './process-kills.ts'
import type { SoakLoop, SoakSize } from './soak-loop.ts'

const LOOPS: Readonly<Record<string, (size: SoakSize) => Promise<SoakLoop>>> = {
  simulation: openSimulation,
  'outbox-simulation': openOutboxSimulation,
  'kill-rounds': openKillRounds,
  'sqlite-kills': (size) => openProcessKills('sqlite', size),
  'r2-kills': (size) => openProcessKills('r2', size),
  'hybrid-kills': (size) => openProcessKills('hybrid', size),
  'migration-kills': openMigrationKills,
}

/** Needs the superuser, so it runs only when it is asked for. */
const ASKED_FOR: typeof LOOPS = { 'full-disk': openFullDisk }

const USAGE = `npm run soak -- [--minutes N] [--seed S] [--only ${Object.keys({ ...LOOPS, ...ASKED_FOR }).join('|')}]
  [--kills N] [--operations N]   of one pass of the loops that end in -kills
With --kills or --operations there is one pass, unless --minutes says otherwise.`

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seed: { type: 'string' },
    only: { type: 'string' },
    kills: { type: 'string' },
    operations: { type: 'string' },
  },
})
const isBounded = values.kills !== undefined || values.operations !== undefined
const minutes = Number(values.minutes ?? (isBounded ? 0.001 : 1))
const firstSeed = Number(values.seed ?? Date.now() % 1_000_000)
const size = { kills: Number(values.kills ?? 40), operations: Number(values.operations ?? 2_000) }
const chosen = Object.entries(values.only === undefined ? LOOPS : { ...LOOPS, ...ASKED_FOR }).filter(
  ([name]) => values.only === undefined || name === values.only,
)
if (!(minutes > 0) || !Number.isSafeInteger(firstSeed) || chosen.length === 0 || !isWhole(size)) {
  console.error(USAGE)
  process.exit(2)
}

const loops = await Promise.all(chosen.map(([, open]) => open(size)))
try {
  process.exitCode = (await soak(loops)) ? 0 : 1
} finally {
  for (const loop of loops) await loop.close()
}
// After hundreds of killed children Node 20 may never come to an end by itself: it waits for a request that nobody counts down.
process.exit()

/** The loops take turns, until the time is up or one has seen a promise broken. */
async function soak(loops: readonly SoakLoop[]): Promise<boolean> {
  const endAt = Date.now() + minutes * 60_000
  const totals: Record<string, number> = {}
  for (let seed = firstSeed; Date.now() < endAt; seed++) {
    for (const loop of loops) {
      const { name } = loop
      const { counts, violations } = await loop.pass(seed, (line) =>
        console.log(`${name} seed ${seed}  ${line}`),
      )
      add(totals, { ...counts, 'passes checked': 1 })
      console.log(`${name} seed ${seed}  ${violations.length === 0 ? 'kept every promise' : 'FAILED'}`)
      if (violations.length === 0) continue
      console.error(violations.join('\n'))
      console.error(`To see it again: npm run soak -- --only ${name} --seed ${seed} --minutes ${minutes}`)
      return false
    }
  }
  console.log(`nothing broken: ${JSON.stringify(totals)}`)
  return true
}

function isWhole({ kills, operations }: SoakSize): boolean {
  return [kills, operations].every((count) => Number.isSafeInteger(count) && count > 0)
}

function add(totals: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + count
}
