import { manageBackend } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createR2Backend } from './create-r2-backend.ts'
import { auditKillRounds } from './kill-rounds/audit-kill-rounds.fixture.ts'
import { chainDefects } from './kill-rounds/head-recorder.fixture.ts'
import { LIMITED_WRITES, ROUGH_NETWORK } from './kill-rounds/kill-faults.fixture.ts'
import { runKillRounds } from './kill-rounds/run-kill-rounds.fixture.ts'
import type { KillRounds } from './kill-rounds/run-kill-rounds.fixture.ts'
import { CONTENDED_IDS, COUNTER_ID } from './kill-rounds/worker-event.fixture.ts'
import type { LedgerEntry } from './kill-rounds/write-ledger.fixture.ts'
import { buildWorker } from './kill-rounds/worker-process.fixture.ts'
import type { WorkerProgram } from './kill-rounds/worker-process.fixture.ts'
import { startLocalR2 } from './local/start-local-r2.ts'
import type { LocalR2 } from './local/start-local-r2.ts'
import { collect, openStore } from './objects/r2-store.fixture.ts'

let program: WorkerProgram
beforeAll(async () => {
  program = await buildWorker()
})
afterAll(() => program.remove())

async function startServer(): Promise<LocalR2> {
  const server = await startLocalR2()
  onTestFinished(() => server.close())
  return server
}

describe('processes killed at any moment', () => {
  it('lose nothing acknowledged and leave nothing rejected, 20 times on a rough network', async () => {
    const server = await startServer()
    const rounds = await runKillRounds({ server, program, seed: 1, rounds: 20, faults: ROUGH_NETWORK })
    expect(await auditKillRounds(server.settings, rounds)).toEqual([])
    // Every fault has happened, and the writers got somewhere all the same.
    const { 'rate-limit': limited, ...counts } = rounds.faultCounts()
    expect(limited).toBe(0)
    for (const [kind, count] of Object.entries(counts)) expect(count, kind).toBeGreaterThan(0)
    const totals = rounds.ledger.totals()
    expect(totals.acknowledged).toBeGreaterThan(40)
    expect(totals.rejected).toBeGreaterThan(0)
    expect(totals.unknown).toBeGreaterThan(10)
    expect(totals.ready).toBeGreaterThan(10)
    // They have sealed and merged a lot meanwhile.
    const parts = await countParts(server)
    expect(parts.segments).toBeGreaterThan(10)
    expect(parts.runs).toBeGreaterThan(0)
  }, 600_000)

  it('keep their promises also where a key may be written once per second', async () => {
    const server = await startServer()
    const rounds = await runKillRounds({
      server,
      program,
      seed: 2,
      rounds: 4,
      faults: LIMITED_WRITES,
      slots: 2,
      maxPauseMs: 3_000,
    })
    expect(await auditKillRounds(server.settings, rounds)).toEqual([])
    expect(rounds.faultCounts()['rate-limit']).toBeGreaterThan(0)
    expect(rounds.ledger.totals().acknowledged).toBeGreaterThan(0)
  }, 120_000)
})

describe('the audit of the kill rounds', () => {
  it('notices what was lost, changed, invented or written past the record', async () => {
    const server = await startServer()
    const rounds = await runKillRounds({ server, program, seed: 3, rounds: 6, faults: [], maxPauseMs: 500 })
    expect(await auditKillRounds(server.settings, rounds)).toEqual([])
    const storage = manageBackend(await createR2Backend(server.settings))
    const tampered = await tamper(storage, rounds)
    await storage.close()
    const defects = (await auditKillRounds(server.settings, rounds)).join('\n')
    expect(defects).toContain(`${tampered.lost} is absent, expected`)
    expect(defects).toContain(`${tampered.changed} is nobody`)
    expect(defects).toContain('stranger is there, though nobody wrote it')
    expect(defects).toMatch(/the counter has 0 additions of .*, expected [1-9]/)
    expect(defects).toMatch(/was acknowledged, but is lost from contended-/)
    expect(defects).toMatch(/the head is \w+, but the last version written was \w+/)
  }, 120_000)

  it('notices a chain that forks, has a gap, or begins in the middle', () => {
    const first = { seq: 1, prev: null, etag: 'a' }
    const second = { seq: 2, prev: { seq: 1, etag: 'a' }, etag: 'b' }
    const third = { seq: 3, prev: { seq: 2, etag: 'b' }, etag: 'c' }
    expect(chainDefects([third, first, second], 'c')).toEqual([])
    expect(chainDefects([first, second], 'c')).toHaveLength(1)
    expect(chainDefects([second, third], 'c')).toHaveLength(1)
    expect(chainDefects([first, third], 'c')).toHaveLength(1)
    expect(chainDefects([first, second, { ...second, etag: 'x' }, third], 'c')).not.toEqual([])
    expect(chainDefects([first, { ...second, prev: { seq: 1, etag: 'x' } }, third], 'c')).toHaveLength(1)
  })
})

async function countParts({ settings }: LocalR2): Promise<{ segments: number; runs: number }> {
  const { store, close } = openStore(settings)
  const keys = (await collect(store.list('manifests.d/'))).map(({ key }) => key)
  close()
  return {
    segments: keys.filter((key) => key.includes('/s/')).length,
    runs: keys.filter((key) => key.includes('/r/')).length,
  }
}

/** Does behind the audit's back what a broken engine would. */
async function tamper(
  storage: StorageManager,
  { namespaces, ledger }: KillRounds,
): Promise<{ readonly lost: string; readonly changed: string }> {
  const found = await Promise.all(
    namespaces.map(({ module, userId }) => storage.retrieveData(module, userId)),
  )
  const writes = namespaces.flatMap((namespace) => ledger.of(namespace))
  const isCreation = ({ outcome, kind }: LedgerEntry) =>
    outcome === 'acknowledged' && kind.startsWith('create')
  const created = new Set(writes.filter(isCreation).flatMap(({ ids }) => ids))
  // A change or a deletion whose answer was lost may still be taken for what happens to the record here.
  const uncertain = new Set(writes.filter((write) => !isCreation(write)).flatMap(({ ids }) => ids))
  const own = found.flat().filter(({ id }) => created.has(id) && !uncertain.has(id))
  const [lost, changed] = own
  if (lost === undefined || changed === undefined) throw new Error('the rounds have left too little behind')
  await storage.deleteData(lost.module, lost.userId, lost.id)
  const data = { trail: ['nobody'] }
  await storage.updateData({ module: changed.module, userId: changed.userId, recordId: changed.id, data })
  for (const { module, userId } of namespaces) {
    await storage.storeData({ module, userId, id: 'stranger', data })
    await storage.updateData({ module, userId, recordId: COUNTER_ID, data: { total: 0, by: {} } })
    for (const recordId of CONTENDED_IDS) {
      await storage.updateData({ module, userId, recordId, data: { trail: ['start'] } })
    }
  }
  return { lost: lost.id, changed: changed.id }
}
