import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { manageBackend, parseSettings } from '@umbra/core'
import type { Environment, StorageManager } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { createSqliteBackend } from '@umbra/sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createStorageManager } from '../create-storage-manager.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { startStoppableR2 } from '../process-kills/stoppable-r2.fixture.ts'
import type { StoppableR2 } from '../process-kills/stoppable-r2.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { runUmbra } from './cli.fixture.ts'

const AT = { module: 'finance', userId: 'ada' }

let folder: StorageFolder
let r2: StoppableR2
let env: Environment

beforeEach(async () => {
  folder = await createStorageFolder()
  r2 = await startStoppableR2(folder.path)
  env = {
    ...toEnvironment(r2.server),
    SQLITE_PATH: folder.sqlitePath,
    UMBRA_CACHE_DIR: join(folder.path, 'cache'),
  }
})
afterEach(async () => {
  await r2.stop()
  await folder.remove()
})

/** Writes while R2 is away, as an application that ends before it is back. */
async function writeDuringOutage(write: (storage: StorageManager) => Promise<unknown>): Promise<void> {
  const storage = await createStorageManager(parseSettings(env))
  // What was never seen cannot be changed while R2 is away.
  await storage.listEntries('finance', 'ada')
  await r2.stop()
  await write(storage)
  await storage.close()
  await r2.start()
}

async function inR2<T>(use: (storage: StorageManager) => Promise<T>): Promise<T> {
  const storage = manageBackend(await createR2Backend(r2.server.settings))
  try {
    return await use(storage)
  } finally {
    await storage.close()
  }
}

const dataOf = (id: string) =>
  inR2(async (storage) => (await storage.retrieveData('finance', 'ada', id))?.data)

/** A pending update that somebody else came before, refused. */
async function refuse(): Promise<string> {
  const { etag } = await inR2((storage) => storage.storeData({ ...AT, id: 'a', data: 'base' }))
  await writeDuringOutage((storage) =>
    storage.updateData({ ...AT, recordId: 'a', data: 'ours', ifMatch: etag }),
  )
  await inR2((storage) => storage.updateData({ ...AT, recordId: 'a', data: 'theirs' }))
  const { stdout } = await runUmbra(['sync', '--json'], { env })
  const [conflict] = JSON.parse(stdout).conflicts
  return conflict.id
}

describe('umbra sync', () => {
  it('has nothing to do where there is no outbox, and makes none', async () => {
    expect(await runUmbra(['sync'], { env })).toEqual({
      exitCode: 0,
      stdout: '0 stored, 0 pending, 0 refused\n',
      stderr: '',
    })
    expect(existsSync(folder.sqlitePath)).toBe(false)
  })

  it('sends what is pending, whichever backend the application has meanwhile', async () => {
    await writeDuringOutage(async (storage) => {
      await storage.storeData({ ...AT, id: 'a', data: 1 })
      await storage.putBlob('settings', 2)
    })
    const now = { ...env, STORAGE_BACKEND: 'sqlite', UMBRA_OUTBOX: 'off' }
    const { exitCode, stdout } = await runUmbra(['sync', '--json'], { env: now })
    expect([exitCode, JSON.parse(stdout)]).toEqual([0, { stored: 2, pending: 0, conflicts: [] }])
    expect(await dataOf('a')).toBe(1)
    expect(await inR2((storage) => storage.getBlob('settings'))).toMatchObject({ value: 2 })
  })

  it('leaves the copies of a hybrid as complete as R2', async () => {
    env = { ...env, STORAGE_BACKEND: 'hybrid' }
    await writeDuringOutage((storage) => storage.storeData({ ...AT, id: 'a', data: 1 }))
    expect(await runUmbra(['sync'], { env })).toMatchObject({
      exitCode: 0,
      stdout: '1 stored, 0 pending, 0 refused\n',
    })
    expect(await dataOf('a')).toBe(1)
    const copies = manageBackend(await createSqliteBackend({ path: folder.sqlitePath }))
    expect(await copies.retrieveData('finance', 'ada', 'a')).toMatchObject({ data: 1 })
    await copies.close()
  })

  it('ends with 4 when R2 does not answer in time, and drops nothing', async () => {
    await writeDuringOutage((storage) => storage.storeData({ ...AT, id: 'a', data: 1 }))
    await r2.stop()
    const away = await runUmbra(['sync', '--timeout', '1'], { env, answer: '' })
    expect(away).toMatchObject({ exitCode: 4, stdout: '0 stored, 1 pending, 0 refused\n' })
    expect(away.stderr).toContain('0 sent, 1 pending')
    await r2.start()
    expect(await runUmbra(['sync'], { env })).toMatchObject({
      exitCode: 0,
      stdout: '1 stored, 0 pending, 0 refused\n',
    })
  })

  it('does not wait where the credentials are refused', async () => {
    await writeDuringOutage((storage) => storage.storeData({ ...AT, id: 'a', data: 1 }))
    const wrong = { ...env, R2_SECRET_ACCESS_KEY: 'wrong' }
    const refused = await runUmbra(['sync'], { env: wrong })
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(refused.stderr).toMatch(/^umbra: (?:UNAUTHENTICATED|FORBIDDEN): /)
    expect(await runUmbra(['sync'], { env })).toMatchObject({ exitCode: 0 })
  })
})

describe('umbra conflicts', () => {
  it('says that there are none', async () => {
    expect(await runUmbra(['conflicts'], { env })).toMatchObject({
      exitCode: 0,
      stdout: 'No refused writes.\n',
    })
    expect(await runUmbra(['conflicts', 'list', '--json'], { env })).toMatchObject({ stdout: '[]\n' })
  })

  it('explains what was refused, when, why, and what to do', async () => {
    const id = await refuse()
    const shown = await runUmbra(['conflicts'], { env })
    expect(shown.exitCode).toBe(3)
    expect(shown.stdout).toMatch(/^ID +MODULE +USER +RECORD +OPERATION +WRITTEN +REFUSED +REASON$/m)
    expect(shown.stdout).toMatch(
      new RegExp(`^${id} +finance +ada +a +update +2\\S+Z +2\\S+Z +PRECONDITION_FAILED$`, 'm'),
    )
    expect(shown.stdout).toContain('umbra get finance ada a ')
    expect(shown.stdout).toContain(`umbra conflicts retry ${id} `)
    const listed = await runUmbra(['conflicts', '--json'], { env })
    expect(JSON.parse(listed.stdout)).toMatchObject([
      {
        id,
        kind: 'conflict',
        module: 'finance',
        userId: 'ada',
        changes: [{ id: 'a', operation: 'update' }],
        reason: { code: 'PRECONDITION_FAILED' },
      },
    ])
    expect((await runUmbra(['sync'], { env })).exitCode).toBe(3)
  })

  it('puts a refused version over the current one when told to retry', async () => {
    const id = await refuse()
    expect(await dataOf('a')).toBe('theirs')
    const words = ['conflicts', 'retry', id, '--yes', '--json']
    const { exitCode, stdout } = await runUmbra(words, { env })
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, { outcome: 'stored', conflicts: [] }])
    expect(await dataOf('a')).toBe('ours')
    expect((await runUmbra(['conflicts'], { env })).exitCode).toBe(0)
  })

  it('asks before it puts a refused version over the current one', async () => {
    const id = await refuse()
    const retry = ['conflicts', 'retry', id]
    const asked = await runUmbra(retry, { env, answer: 'n' })
    expect(asked).toMatchObject({ exitCode: 1, stdout: '' })
    expect(asked.stderr).toContain(
      'Put the refused update of finance/ada/a over what is there now, whoever wrote it? [y/N]',
    )
    expect((await runUmbra(retry, { env })).exitCode).toBe(2)
    expect(await dataOf('a')).toBe('theirs')
    expect((await runUmbra(['conflicts'], { env })).exitCode).toBe(3)
    expect(await runUmbra(retry, { env, answer: 'y' })).toMatchObject({ exitCode: 0 })
    expect(await dataOf('a')).toBe('ours')
  })

  it('asks before it discards', async () => {
    const id = await refuse()
    const asked = await runUmbra(['conflicts', 'discard', id], { env, answer: 'n' })
    expect(asked).toMatchObject({ exitCode: 1, stdout: '' })
    expect(asked.stderr).toContain('Drop the refused update of finance/ada/a for good? [y/N]')
    expect((await runUmbra(['conflicts', 'discard', id], { env })).exitCode).toBe(2)
    expect(await runUmbra(['conflicts', 'discard', id, '--yes'], { env })).toMatchObject({
      exitCode: 0,
      stdout: `${id}  discarded\n`,
    })
    expect((await runUmbra(['conflicts'], { env })).exitCode).toBe(0)
    expect(await dataOf('a')).toBe('theirs')
  })

  it('does not know other ids, and wants one exactly where it is needed', async () => {
    for (const action of ['retry', 'discard'])
      expect(await runUmbra(['conflicts', action, 'none', '--yes'], { env })).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/^umbra: NOT_FOUND: /),
      })
    for (const words of [['retry'], ['discard'], ['list', 'id'], ['drop', 'id']])
      expect((await runUmbra(['conflicts', ...words], { env })).exitCode).toBe(2)
  })
})
