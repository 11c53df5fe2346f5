import type { DemoBackend } from './arguments.ts'
import type { Output } from './output/output.ts'

/** What somebody who has seen the tour may want to try. */
export function showNextSteps(out: Output, backends: readonly DemoBackend[]): void {
  const steps = [
    ...(backends.includes('hybrid') ? [] : [['npm run demo -- --backend hybrid', 'R2 and SQLite together']]),
    ['npm run demo -- --outage', 'storing while R2 is really away'],
    ['npm run demo -- --keep', 'the same, keeping the data to look at'],
    ['UMBRA_DEV=1 npm run api', 'the HTTP API, for this machine alone'],
    ['npm test', 'the whole test suite'],
    ['docs/', 'how it works and how to run it'],
  ]
  const width = Math.max(...steps.map(([command = '']) => command.length))
  out.chapter('What next')
  for (const [command = '', meaning = ''] of steps) out.data(`${command.padEnd(width)}   ${meaning}`)
  out.scenario('With a bucket of your own')
  out.explain('Copy .env.example to .env, fill in the four R2_ values, and name the backend:')
  out.data('set -a; . ./.env; set +a; npm run demo -- --backend r2')
}
