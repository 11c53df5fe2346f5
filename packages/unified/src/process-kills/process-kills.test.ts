import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { buildApplication } from './application-program.fixture.ts'
import type { ApplicationProgram } from './application-program.fixture.ts'
import { auditProcessKills } from './audit-process-kills.fixture.ts'
import { runProcessKills } from './run-process-kills.fixture.ts'
import type { KilledMode, ProcessKills } from './run-process-kills.fixture.ts'

let program: ApplicationProgram
beforeAll(async () => {
  program = await buildApplication()
})
afterAll(() => program.remove())

async function run(mode: KilledMode, kills: number, operations: number): Promise<ProcessKills> {
  const folder = await createStorageFolder()
  const rounds = await runProcessKills({ mode, program, folder: folder.path, seed: 1, kills, operations })
  onTestFinished(async () => {
    await rounds.close()
    await folder.remove()
  })
  return rounds
}

describe('applications killed at any moment', () => {
  it('of which four share one SQLite file lose nothing acknowledged', async () => {
    const rounds = await run('sqlite', 12, 600)
    expect(await auditProcessKills(rounds)).toEqual({ defects: [], conflicts: 0 })
    expect(rounds.ledger.totals().acknowledged).toBeGreaterThan(200)
  }, 120_000)

  it('lose nothing that was committed or pending, while R2 goes and comes', async () => {
    const rounds = await run('r2', 8, 250)
    expect((await auditProcessKills(rounds)).defects).toEqual([])
    const { acknowledged, pending } = rounds.ledger.totals()
    expect(acknowledged).toBeGreaterThan(100)
    expect(pending).toBeGreaterThan(10)
  }, 180_000)

  it('lose nothing acknowledged in hybrid mode, while R2 goes and comes', async () => {
    const rounds = await run('hybrid', 8, 200)
    expect((await auditProcessKills(rounds)).defects).toEqual([])
    expect(rounds.ledger.totals().acknowledged).toBeGreaterThan(60)
  }, 180_000)
})
