import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { promisify } from 'node:util'
import { manageBackend } from '@umbra/core'
import type { Namespace } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import type { R2Settings } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { bundleProgram } from '../packages/r2/src/kill-rounds/bundle-program.fixture.ts'
import { median } from './alternate.ts'
import { toResult } from './bench-result.ts'
import type { Bench, BenchResult, Measurement } from './bench-result.ts'
import type { ColdOpenFigures, ColdOpenTask } from './cold-open-process.ts'
import { createLargeNamespace, LARGE_NAMESPACE_NOTE } from './large-namespace.ts'

const ROUNDS = 5
/** In the namespaces that are not the largest, whose figures have no budget. */
const ROUNDS_OF_SMALLER = 3
const MEMORY_ROUNDS = 60

/**
 * B6: a fresh process, compiled into one file, opens a namespace of each size, from its first call on; and the memory it takes
 * to work in the largest. It opens the storage as it would R2: another store is asked first what it honours, which is told apart.
 */
export const coldOpen: Bench = {
  ids: ['B6'],
  async run(report, { sizes }) {
    const server = await startLocalR2()
    const folder = await mkdtemp(join(tmpdir(), 'umbra-bench-'))
    const program = await bundleProgram(join(import.meta.dirname, 'cold-open-process.ts'))
    const results: BenchResult[] = []
    for (const size of sizes) {
      const opening = await prepareOpening(server, join(folder, String(size)), size)
      const place = { size, isLargest: size === sizes.at(-1) }
      report(`  made a namespace of ${size} records`)
      const run = { ...opening, program: program.path, report }
      results.push(...(await measureSize(run, place)))
    }
    await program.remove()
    await server.close()
    await rm(folder, { recursive: true })
    return results
  },
}

interface Place {
  readonly size: number
  readonly isLargest: boolean
}

interface Opening {
  /** What every process does, besides what it is asked for. */
  readonly task: Omit<ColdOpenTask, 'settings'>
  /** Opened with everything in the cache. */
  readonly warm: R2Settings
  /** The same at a store that is asked first what it honours. */
  readonly probed: R2Settings
  /** Has a cache that is removed after each process. */
  readonly cold: R2Settings & { readonly cache: { readonly directory: string } }
}

interface OpeningRun extends Opening {
  readonly program: string
  readonly report: (line: string) => void
}

async function prepareOpening(server: LocalR2, folder: string, size: number): Promise<Opening> {
  const namespace = { module: `cold-${size}`, userId: 'u' }
  const unprobed = { ...server.settings, singleWriter: true } as const
  const warm = { ...unprobed, cache: { directory: join(folder, 'warm') } }
  await createLargeNamespace(warm, namespace, size)
  return {
    task: { ...namespace, id: await oldestId(warm, namespace), rounds: 0 },
    warm,
    probed: { ...server.settings, cache: warm.cache },
    cold: { ...unprobed, cache: { directory: join(folder, 'cold') } },
  }
}

async function measureSize(run: OpeningRun, place: Place): Promise<readonly BenchResult[]> {
  const { program, task, warm: settings, report } = run
  const { size, isLargest } = place
  const rounds = isLargest ? ROUNDS : ROUNDS_OF_SMALLER
  const imported = await openAllWays(run, rounds)
  // Before the merge, which leaves another layout; it stores records, so not in the small ones, which would grow by half.
  const working = isLargest
    ? await runProgram(program, { ...task, settings, rounds: MEMORY_ROUNDS })
    : undefined
  const compacting = await runProgram(program, { ...task, settings, compact: true })
  report('  merged into one run')
  const merged = await openAllWays(run, rounds)
  const opened = [
    ...toColdResults(imported, place, 'as imported'),
    ...toColdResults(merged, place, 'in one run'),
  ]
  if (working === undefined) return opened
  const entries = `${size.toLocaleString('en')} entries`
  return [
    ...opened,
    toMemoryResult(working, `reads, lists and commits among ${entries}`),
    toMemoryResult(compacting, `merges ${entries} into one run`),
  ]
}

interface AllWays {
  readonly cached: ColdOpenFigures[]
  readonly probed: ColdOpenFigures[]
  readonly fetched: ColdOpenFigures[]
}

async function openAllWays(
  { program, task, warm, probed, cold, report }: OpeningRun,
  rounds: number,
): Promise<AllWays> {
  const figures: AllWays = { cached: [], probed: [], fetched: [] }
  await runProgram(program, { ...task, settings: warm })
  for (let round = 0; round < rounds; round++) {
    figures.cached.push(await runProgram(program, { ...task, settings: warm }))
    figures.probed.push(await runProgram(program, { ...task, settings: probed }))
    figures.fetched.push(await runProgram(program, { ...task, settings: cold }))
    await rm(cold.cache.directory, { recursive: true })
    report(
      `  round ${round + 1}/${rounds}: cached ${show(figures.cached)}; from the server ${show(figures.fetched)}`,
    )
  }
  return figures
}

function toColdResults(
  { cached, fetched, probed }: AllWays,
  { size, isLargest }: Place,
  layout: string,
): readonly BenchResult[] {
  const atMost = (seconds: number) => (isLargest ? { budget: { atMost: seconds } } : {})
  return [
    toColdResult(cached, probed, { size, from: `the local cache, ${layout},`, ...atMost(0.3) }),
    toColdResult(fetched, probed, {
      size,
      from: `the server with an empty cache, ${layout},`,
      ...atMost(2),
    }),
  ]
}

async function oldestId(settings: R2Settings, { module, userId }: Namespace): Promise<string> {
  const storage = manageBackend(await createR2Backend(settings))
  const { items } = await storage.listEntries(module, userId, { order: 'oldest', limit: 1 })
  await storage.close()
  return items[0]?.id ?? ''
}

async function runProgram(program: string, task: ColdOpenTask): Promise<ColdOpenFigures> {
  const { stdout } = await promisify(execFile)(execPath, [program, JSON.stringify(task)])
  // The script prints exactly this.
  return JSON.parse(stdout) as ColdOpenFigures
}

interface ColdOpening {
  readonly size: number
  readonly from: string
  readonly budget?: { readonly atMost: number }
}

function toColdResult(
  figures: readonly ColdOpenFigures[],
  probed: readonly ColdOpenFigures[],
  { size, from, budget }: ColdOpening,
): BenchResult {
  const newest = median(figures.map(({ newestPage }) => newestPage))
  const opening = ({ open }: ColdOpenFigures) => open
  const part = (name: string, figure: (one: ColdOpenFigures) => number, of = figures): Measurement => ({
    name,
    value: median(of.map(figure)),
    unit: 's',
  })
  const counted = (name: string, unit: string, figure: (one: ColdOpenFigures) => number): Measurement => ({
    name,
    value: median(figures.map(figure)),
    unit,
  })
  return toResult({
    id: 'B6',
    name: `a fresh process opens a namespace of ${size.toLocaleString('en')} entries from ${from} and has its newest 100`,
    value: newest,
    unit: 's',
    ...(budget && { budget }),
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
      counted('requests until the newest 100 were there', 'requests', ({ requests }) => requests),
      counted('read by them', 'bytes', ({ readBytes }) => readBytes),
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
