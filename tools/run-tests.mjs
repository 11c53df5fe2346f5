// Runs every project's tests through Nx and closes with one line of true counts.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { globSync } from 'tinyglobby'

const COUNTS = ['{packages,apps}/*/.test-counts', 'tools/.test-counts']

for (const folder of globSync(COUNTS, { onlyDirectories: true, dot: true }))
  rmSync(folder, { recursive: true })

// Where the default database would be, for a test that forgot to name its own.
const findData = () => globSync('{packages/*,apps/*,tools}/data', { onlyDirectories: true })
const dataBefore = new Set(findData())

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

const dataLeft = findData().filter((folder) => !dataBefore.has(folder))
if (dataLeft.length > 0) console.log(`tests left behind: ${dataLeft.join(', ')}`)

console.log(`${sum('numPassedTests')} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
const passed = run.status === 0 && failed === 0 && reports.length > 0 && dataLeft.length === 0
process.exitCode = passed ? 0 : 1
