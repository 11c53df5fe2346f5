import { blobKey, createMemoryBackend, manageBackend } from '@umbra/core'
import { startLocalR2 } from '@umbra/r2/local'
import { describe, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { auditMigration } from './audit-migration.fixture.ts'
import { killMigrations } from './kill-migrations.fixture.ts'
import type { KillMigrationsOptions } from './kill-migrations.fixture.ts'
import { startMigratedApplication } from './migrated-application.fixture.ts'
import type { ToldRecord } from './migrated-application.fixture.ts'
import { put } from './migration.fixture.ts'
import { runMigration } from './run-migration.ts'

describe('property 32: a migration that is killed at any moment and run again, while an application writes, ends with equal sides', () => {
  async function kill(migration: Pick<KillMigrationsOptions, 'from' | 'application' | 'kills'>) {
    const folder = await createStorageFolder()
    const server = await startLocalR2()
    const killed = await killMigrations({
      path: folder.sqlitePath,
      settings: server.settings,
      seed: 1,
      ...migration,
    })
    await server.close()
    await folder.remove()
    expect(killed.defects).toEqual([])
    expect(killed.kills).toBe(migration.kills)
    return killed
  }

  it.each(['sqlite', 'r2'] as const)(
    'from %s, which the application writes to',
    async (from) => {
      const { written } = await kill({ from, application: 'source', kills: 2 })
      expect(written).toBeGreaterThan(0)
    },
    240_000,
  )

  it.each(['sqlite', 'r2'] as const)(
    'from %s, with the application in hybrid mode',
    async (from) => {
      const { written } = await kill({ from, application: 'hybrid', kills: 1 })
      expect(written).toBeGreaterThan(0)
    },
    240_000,
  )
})

describe('the audit of the killed migrations', () => {
  /** Half of the writes come before a first migration, half after it. */
  async function migrateTwice() {
    const sides = { source: createMemoryBackend(), target: createMemoryBackend() }
    const application = await startMigratedApplication(sides.source, 1)
    for (let half = 0; half < 2; half++) {
      for (let writes = 0; writes < 60; writes++) await application.write()
      await runMigration(sides.source, sides.target)
    }
    return { sides, application, told: [...application.records.values()] }
  }

  it('finds nothing when everything was copied, and what is not copied is listed', async () => {
    const { sides, application, told } = await migrateTwice()
    expect(await auditMigration(sides, application)).toEqual([])
    expect(told.some(({ etag }) => etag === undefined)).toBe(true)
  })

  it('notices what is lost, back again or invented, also where both sides agree', async () => {
    const { sides, application, told } = await migrateTwice()
    const [lost, changed] = told.filter(({ etag }) => etag !== undefined)
    const deleted = told.find(({ etag }) => etag === undefined)
    if (!lost || !changed || !deleted) throw new Error('the application has written too little')
    const nameOf = ({ namespace, id }: ToldRecord) => `${namespace.userId}/${id}`
    for (const side of [sides.source, sides.target]) {
      const storage = manageBackend(side)
      await storage.deleteData(lost.namespace.module, lost.namespace.userId, lost.id)
      for (const { namespace, id } of [changed, deleted])
        await put(side, { id, value: 'nobody' }, { namespace, rev: 50 })
      await put(side, { id: 'stranger', value: 1 }, { namespace: lost.namespace })
      await storage.deleteBlob('b0')
    }
    const defects = (await auditMigration(sides, application)).join('\n')
    expect(defects).toContain(`${nameOf(lost)} is absent, the application was told ${lost.etag}`)
    expect(defects).toContain(`${nameOf(changed)} is 50-`)
    expect(defects).toMatch(new RegExp(`${nameOf(deleted)} is 50-\\w+, the application was told absent`))
    expect(defects).toContain('stranger is nobody')
    expect(defects).toContain(`${blobKey('b0')} is not in the source what the application was told`)
  })

  it('notices what only one side has', async () => {
    const { sides, application, told } = await migrateTwice()
    const live = told.filter(({ etag }) => etag !== undefined)
    const [lost, changed] = live
    if (!lost || !changed) throw new Error('the application has written too little')
    const target = manageBackend(sides.target)
    await target.deleteData(lost.namespace.module, lost.namespace.userId, lost.id)
    await put(sides.target, { id: changed.id, value: 'nobody' }, { namespace: changed.namespace, rev: 50 })
    await target.putBlob('stranger', 1)
    const defects = (await auditMigration(sides, application)).join('\n')
    expect(defects).toContain(`${lost.namespace.userId} differs`)
    expect(defects).toContain('the target has something of its own')
    expect(defects).toContain(`${blobKey('stranger')} is nobody's`)
  })

  it('takes no difference of blobs when the application was in hybrid mode', async () => {
    const sides = { source: createMemoryBackend(), target: createMemoryBackend() }
    const application = await startMigratedApplication(sides.source, 1)
    expect(await auditMigration(sides, application, { notes: {} })).toEqual([])
    await manageBackend(sides.target).putBlob('b0', 'another')
    for (const side of [sides.source, sides.target]) {
      await manageBackend(side).deleteBlob('b1')
      await manageBackend(side).putBlob('stranger', 1)
    }
    const defects = await auditMigration(sides, application, { notes: {} })
    const about = (key: string) => defects.filter((defect) => defect.startsWith(blobKey(key)))
    expect(about('b0')).toMatchObject([expect.stringContaining('in the target')])
    expect(about('b1')).toHaveLength(2)
    expect(about('stranger')).toHaveLength(2)
  })
})
