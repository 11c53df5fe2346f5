import { describe, expect, it } from 'vitest'
import { parseDemoArguments } from './arguments.ts'

describe('parseDemoArguments', () => {
  it('shows SQLite and then R2 when nothing is asked for', () => {
    expect(parseDemoArguments([])).toEqual({ kind: 'run', backends: ['sqlite', 'r2'], keep: false })
  })

  it.each(['sqlite', 'r2', 'hybrid'])('shows %s alone when it is named', (backend) => {
    const expected = { kind: 'run', backends: [backend], keep: true }
    expect(parseDemoArguments(['--backend', backend, '--keep'])).toEqual(expected)
    expect(parseDemoArguments(['--keep', `--backend=${backend}`])).toEqual(expected)
  })

  it('shows an outage alone', () => {
    expect(parseDemoArguments(['--outage'])).toEqual({ kind: 'outage' })
  })

  it.each([
    [['--outage', '--keep'], '--outage goes with no other option'],
    [['--backend', 'r2', '--outage'], '--outage goes with no other option'],
    [['--colour'], "Unknown option '--colour'"],
    [['hybrid'], "Unexpected argument 'hybrid'"],
    [['--backend'], "Option '--backend <value>' argument missing"],
    [['--backend', 'S3'], "--backend must be one of sqlite, r2, hybrid, not 'S3'"],
    [['--backend='], "--backend must be one of sqlite, r2, hybrid, not ''"],
  ])('refuses %j in one sentence', (words, problem) => {
    expect(parseDemoArguments(words)).toEqual({ kind: 'wrong', problem })
  })
})
