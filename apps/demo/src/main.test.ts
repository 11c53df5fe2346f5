import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createR2StorageManager, startLocalR2 } from '@umbra/unified/local'
import type { LocalR2 } from '@umbra/unified/local'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { localR2Environment } from './demo-environment.ts'
import { runDemo } from './demo-process.fixture.ts'
import type { DemoRun } from './demo-process.fixture.ts'

/** What every backend must show, as measured and checked by the tour itself. */
function expectTour({ exitCode, stdout, stderr }: DemoRun, films: string): void {
  expect(stderr).toBe('')
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(new RegExp(`✔ ${films} records, .* records/s`))
  expect(stdout).toContain('✔ 10,000 rows read back')
  expect(stdout).toMatch(/✔ 200,000 rows stored in .*: 9\.85 MB as JSON, \d+ kB as Parquet/)
  expect(stdout).toContain('mean delay 7.50 minutes')
  expect(stdout).toContain('✔ flights-3m.parquet, 13.5 MB')
  expect(stdout).toMatch(new RegExp(`✔ all ${films} records`))
  expect(stdout).toMatch(/✔ godfather {3}a word: 3 films/)
  expect(stdout).toMatch(/✔ (?:Ada|Ben) won: revision 2/)
  expect(stdout).toMatch(/✔ (?:Ada|Ben) was told PRECONDITION_FAILED/)
  expect(stdout).toContain('✔ revision 3 holds both changes')
  expect(stdout).toContain('What next')
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
  expect(stdout).not.toContain('\u001B')
}

function expectNothingLeft({ leftFiles, leftProcesses }: DemoRun): void {
  expect(leftFiles).toEqual([])
  expect(leftProcesses).toBe(false)
}

describe('the demonstration', () => {
  it('shows everything on SQLite and leaves nothing behind', async () => {
    const run = await runDemo(['--backend', 'sqlite'])
    expectTour(run, '3,201')
    expect(run.stdout).toMatch(/UNSUPPORTED: set\s+UMBRA_SIGNING_SECRET/)
    expectNothingLeft(run)
  })

  it('shows everything on a local R2 server, with a download, the bucket and its manifest', async () => {
    const run = await runDemo(['--backend', 'r2'])
    expectTour(run, '800')
    expect(run.stdout).toContain('✔ fetch(url): 200, 13.5 MB')
    expect(run.stdout).toMatch(/├── manifests\/umbra-demo\/\n.*\n.* manifest\.jsonl +[\d.]+ kB\n/)
    expect(run.stdout).toMatch(/\.\.\. 799 more +326 kB/)
    expect(run.stdout).toMatch(/^ {4}\{"_":"head","v":1,"module":"umbra-demo","user_id":"films"/m)
    expect(run.stdout).toMatch(/^ {4}\{"_":"seg","key":"manifests\.d\/umbra-demo\/films\/s\//m)
    expect(run.stdout).toMatch(/^ {4}\{"_":"end","lines":\d+,/m)
    expectNothingLeft(run)
  })

  it('stores while R2 is really away, and shows that nothing was lost or stored twice', async () => {
    const run = await runDemo(['--outage'])
    expect(run).toMatchObject({ exitCode: 0, stderr: '' })
    expect(run.stdout).toContain('event   degraded: UNAVAILABLE')
    expect(run.stdout).toMatch(/✔ 26 more writes in .*: pending: true/)
    expect(run.stdout).toMatch(/health {2}healthy: false, breaker: \S+, pending: 26/)
    expect(run.stdout).toContain('✔ it opens, and the same 26 writes are pending')
    expect(run.stdout).toMatch(/event {3}recovered: 26 pending\n +event {3}drained\n {2}✔ drained/)
    expect(run.stdout).toContain('✔ read from the bucket alone: 125 records, each once')
    expect(Math.max(...run.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
    expectNothingLeft(run)
  })

  it('cleans up when an outage is interrupted', async () => {
    const run = await runDemo(['--outage'], {
      onOutput: (stdout, demo) => {
        if (stdout.includes('is stopped')) demo.kill('SIGINT')
      },
    })
    expect(run.exitCode).toBe(130)
    expectNothingLeft(run)
  })

  it('cleans up when it is interrupted', async () => {
    const run = await runDemo(['--backend', 'r2'], {
      onOutput: (stdout, demo) => {
        if (stdout.includes('Store JSON')) demo.kill('SIGINT')
      },
    })
    expect(run.exitCode).toBe(130)
    expect(run.stdout).not.toContain('What next')
    expectNothingLeft(run)
  })

  it('cleans up when nobody reads its output any more', async () => {
    const run = await runDemo(['--backend', 'sqlite'], {
      onOutput: (_stdout, demo) => demo.stdout?.destroy(),
    })
    expect(run.exitCode).toBe(141)
    expectNothingLeft(run)
  })

  it('explains itself', async () => {
    const run = await runDemo(['--help'])
    expect(run.exitCode).toBe(0)
    expect(run.stdout).toContain('--backend sqlite|r2|hybrid')
  })

  it('refuses an argument it does not know', async () => {
    const run = await runDemo(['--backend', 'postgres'])
    expect(run).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: "--backend must be one of sqlite, r2, hybrid, not 'postgres'; see npm run demo -- --help\n",
    })
  })

  it('names what is missing from half a bucket in the environment', async () => {
    const run = await runDemo(['--backend', 'r2'], { env: { R2_BUCKET: 'films', R2_ACCOUNT_ID: 'x' } })
    expect(run.exitCode).toBe(1)
    expect(run.stderr).toMatch(
      /CONFIGURATION: .*R2_ACCESS_KEY_ID is missing; R2_SECRET_ACCESS_KEY is missing/,
    )
    expectNothingLeft(run)
  })
})

describe('the demonstration on a bucket from the environment', () => {
  let server: LocalR2
  let folder: string
  let run: DemoRun

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'umbra-demo-bucket-'))
    server = await startLocalR2({ dir: folder, bucket: 'somebodys' })
    run = await runDemo(['--backend', 'hybrid', '--keep'], { env: localR2Environment(server) })
  })

  afterAll(async () => {
    await server.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('shows everything on R2 and SQLite together', () => {
    expectTour(run, '800')
    expect(run.stdout).not.toContain('Starting a local R2 server')
    expect(run.leftProcesses).toBe(false)
  })

  it('keeps the database where it says when asked to', () => {
    expect(run.leftFiles).toEqual([expect.stringMatching(/^umbra-demo-/)])
    expect(run.stdout).toContain(`/${run.leftFiles[0] ?? ''}/umbra.sqlite   an ordinary SQLite database`)
  })

  it('says what stays in the bucket and how to remove it, and nothing else stays', async () => {
    expect(run.stdout).toContain('What stays in your bucket somebodys')
    const named = [...run.stdout.matchAll(/s3:\/\/somebodys\/(\S+)/g)].map(([, prefix = '']) => prefix)
    expect(named).toEqual(['umbra-demo/', 'manifests/umbra-demo/', 'manifests.d/umbra-demo/'])
    const bucket = await createR2StorageManager(server.settings)
    const keys: string[] = []
    for await (const { key } of bucket.listObjects('')) keys.push(key)
    await bucket.close()
    expect(keys.length).toBeGreaterThan(800)
    expect(keys.filter((key) => !named.some((prefix) => key.startsWith(prefix)))).toEqual([])
  })
})
