// Runs every project's tests through Nx and closes with one line of true counts.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { globSync } from 'tinyglobby'

const COUNTS = ['{packages,apps}/*/.test-counts', 'tools/.test-counts']

for (const folder of globSync(COUNTS, { onlyDirectories: true, dot: true }))
  rmSync(folder, { recursive: true })

const run = spawnSync(
  'npx',
  [
    'nx',
    'run-many',
    '-t',
    'test',
    'test:workspace',
    '--parallel=2',
    '--output-style=static',
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit', env: { ...process.env, NX_DAEMON: 'false' } },
)

const reports = globSync(
  COUNTS.map((folder) => `${folder}/vitest.json`),
  { dot: true },
).map((path) => JSON.parse(readFileSync(path, 'utf8')))
const sum = (name) => reports.reduce((total, report) => total + report[name], 0)
const failed =
  sum('numFailedTests') + reports.filter((report) => !report.success && report.numFailedTests === 0).length
const skipped = sum('numPendingTests') + sum('numTodoTests')

console.log(`${sum('numPassedTests')} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = run.status === 0 && failed === 0 && reports.length > 0 ? 0 : 1
