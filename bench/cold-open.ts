import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { promisify } from 'node:util'
import { manageBackend } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import type { R2Settings } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import { bundleProgram } from '../packages/r2/src/kill-rounds/bundle-program.fixture.ts'
import { median } from './alternate.ts'
import { toResult } from './bench-result.ts'
import type { Bench, BenchResult, Measurement } from './bench-result.ts'
import type { ColdOpenFigures, ColdOpenTask } from './cold-open-process.ts'
import { createLargeNamespace, LARGE_NAMESPACE_NOTE } from './large-namespace.ts'

const ROUNDS = 5
const MEMORY_ROUNDS = 60

const namespace = { module: 'cold', userId: 'u' }

/**
 * B6: a fresh process, compiled into one file, opens a large namespace, from its first call on; and the memory it takes to work
 * in it. It opens the storage as it would R2: another store is asked first what it honours, which is told apart.
 */
export const coldOpen: Bench = {
  ids: ['B6'],
  async run(report, { sizes }) {
    const size = Math.max(...sizes)
    const server = await startLocalR2()
    const folder = await mkdtemp(join(tmpdir(), 'umbra-bench-'))
    const unprobed = { ...server.settings, singleWriter: true } as const
    const warm = { ...unprobed, cache: { directory: join(folder, 'warm') } }
    const probedToo = { ...server.settings, cache: warm.cache }
    const program = await bundleProgram(join(import.meta.dirname, 'cold-open-process.ts'))
    const runProcess = (task: ColdOpenTask) => runProgram(program.path, task)
    await createLargeNamespace(warm, namespace, size)
    report(`  made a namespace of ${size} records`)
    const id = await oldestId(warm)
    const task = { ...namespace, id, rounds: 0 }
    const openBoth = async (): Promise<BothWays> => {
      const both: BothWays = { cached: [], fetched: [], probed: [] }
      await runProcess({ ...task, settings: warm })
      for (let round = 0; round < ROUNDS; round++) {
        both.cached.push(await runProcess({ ...task, settings: warm }))
        both.probed.push(await runProcess({ ...task, settings: probedToo }))
        const cache = { directory: join(folder, 'cold') }
        both.fetched.push(await runProcess({ ...task, settings: { ...unprobed, cache } }))
        await rm(cache.directory, { recursive: true })
        report(
          `  round ${round + 1}/${ROUNDS}: cached ${show(both.cached)}; from the server ${show(both.fetched)}`,
        )
      }
      return both
    }
    const imported = await openBoth()
    const working = await runProcess({ ...task, settings: warm, rounds: MEMORY_ROUNDS })
    const compacting = await runProcess({ ...task, settings: warm, compact: true })
    report('  merged into one run')
    const merged = await openBoth()
    await program.remove()
    await server.close()
    await rm(folder, { recursive: true })
    return [
      ...toColdResults(imported, { size, layout: 'as imported' }),
      ...toColdResults(merged, { size, layout: 'in one run' }),
      toMemoryResult(working, `reads, lists and commits among ${size.toLocaleString('en')} entries`),
      toMemoryResult(compacting, `merges ${size.toLocaleString('en')} entries into one run`),
    ]
  },
}

interface BothWays {
  readonly cached: ColdOpenFigures[]
  /** The same at a store that is asked first what it honours. */
  readonly probed: ColdOpenFigures[]
  readonly fetched: ColdOpenFigures[]
}

function toColdResults(
  { cached, fetched, probed }: BothWays,
  { size, layout }: { readonly size: number; readonly layout: string },
): readonly BenchResult[] {
  return [
    toColdResult(cached, probed, { size, from: `the local cache, ${layout},`, atMost: 0.3 }),
    toColdResult(fetched, probed, { size, from: `the server with an empty cache, ${layout},`, atMost: 2 }),
  ]
}

async function oldestId(settings: R2Settings): Promise<string> {
  const storage = manageBackend(await createR2Backend(settings))
  const { items } = await storage.listEntries('cold', 'u', { order: 'oldest', limit: 1 })
  await storage.close()
  return items[0]?.id ?? ''
}

async function runProgram(program: string, task: ColdOpenTask): Promise<ColdOpenFigures> {
  const { stdout } = await promisify(execFile)(execPath, [program, JSON.stringify(task)])
  // The script prints exactly this.
  return JSON.parse(stdout) as ColdOpenFigures
}

function toColdResult(
  figures: readonly ColdOpenFigures[],
  probed: readonly ColdOpenFigures[],
  { size, from, atMost }: { readonly size: number; readonly from: string; readonly atMost: number },
): BenchResult {
  const newest = median(figures.map(({ newestPage }) => newestPage))
  const opening = ({ open }: ColdOpenFigures) => open
  const part = (name: string, figure: (one: ColdOpenFigures) => number, of = figures): Measurement => ({
    name,
    value: median(of.map(figure)),
    unit: 's',
  })
  return toResult({
    id: 'B6',
    name: `a fresh process opens a namespace of ${size.toLocaleString('en')} entries from ${from} and has its newest 100`,
    value: newest,
    unit: 's',
    budget: { atMost },
    ours: { name: 'createR2Backend and listEntries', value: newest, unit: 's', note: LARGE_NAMESPACE_NOTE },
    baseline: part('then retrieveInfo of one of the oldest', ({ lookup }) => lookup),
    peers: [
      part('of it createR2Backend', opening),
      part(
        'createR2Backend at a store that is not Cloudflare’s, which is asked what it honours',
        opening,
        probed,
      ),
      part('then the oldest 100', ({ oldestPage }) => oldestPage),
    ],
  })
}

function toMemoryResult({ idleBytes, peakBytes }: ColdOpenFigures, work: string): BenchResult {
  const megabytes = (name: string, bytes: number) => ({ name, value: bytes / 1e6, unit: 'MB' })
  return toResult({
    id: 'B6',
    name: `resident memory of a process that ${work}, above idle`,
    value: (peakBytes - idleBytes) / 1e6,
    unit: 'MB',
    ours: megabytes('at its highest', peakBytes),
    baseline: megabytes('before the storage was opened', idleBytes),
    peers: [],
  })
}

function show(figures: readonly ColdOpenFigures[]): string {
  const last = figures.at(-1)
  return `${last?.newestPage.toFixed(3)} s, lookup ${last?.lookup.toFixed(3)} s, oldest ${last?.oldestPage.toFixed(3)} s`
}
