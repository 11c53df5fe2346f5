import { setImmediate } from 'node:timers/promises'
import { createMemoryBackend, manageBackend } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { startFaultProxy } from '@umbra/core/testing'
import type { SeenRequest } from '@umbra/core/testing'
import { startLocalR2 } from '@umbra/r2/local'
import { createSqliteBackend } from '@umbra/sqlite'
import { describe, expect, it } from 'vitest'
import { runUmbra } from '../cli/cli.fixture.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { runMigration } from './run-migration.ts'

const MODULE = 'm'

/** How many are under way, and how many were at most. */
function createGauge() {
  let running = 0
  let most = 0
  return {
    begin: () => void (most = Math.max(most, ++running)),
    end: (count = 1) => void (running -= count),
    most: () => most,
  }
}

/** Small records of several users. */
async function fill(backend: StorageBackend, { users, records }: { users: number; records: number }) {
  const storage = manageBackend(backend)
  for (let user = 0; user < users; user++) {
    await storage.storeMany(
      Array.from({ length: records }, (_, n) => ({
        module: MODULE,
        userId: `u${user}`,
        id: `r${n}`,
        data: n,
      })),
    )
  }
}

describe('a migration', () => {
  it('with --concurrency 2 writes two bodies at a time', async () => {
    const folder = await createStorageFolder()
    const server = await startLocalR2()
    const gauge = createGauge()
    const isBody = ({ method, key }: SeenRequest) => method === 'PUT' && key.startsWith(`${MODULE}/`)
    const proxy = await startFaultProxy({
      target: server.endpoint,
      seed: 1,
      observer: {
        keepsBody: (seen) => {
          if (isBody(seen)) gauge.begin()
          return false
        },
        onApplied: (seen) => {
          if (isBody(seen)) gauge.end()
        },
      },
    })
    const sqlite = await createSqliteBackend({ path: folder.sqlitePath })
    await fill(sqlite, { users: 5, records: 8 })
    await sqlite.close()
    const env = {
      ...toEnvironment({ ...server, endpoint: proxy.endpoint }),
      SQLITE_PATH: folder.sqlitePath,
    }
    const words = ['migrate', '--from', 'sqlite', '--to', 'r2', '--concurrency', '2', '--json']
    const run = await runUmbra(words, { env })
    expect(run).toMatchObject({ exitCode: 0, stderr: '' })
    expect(JSON.parse(run.stdout)).toMatchObject({ total: { copied: 40 } })
    expect(gauge.most()).toBe(2)
    await proxy.close()
    await server.close()
    await folder.remove()
  })

  it('with a concurrency of 2 reads two bodies at a time', async () => {
    const source = createMemoryBackend()
    await fill(source, { users: 5, records: 8 })
    const gauge = createGauge()
    async function* counted(body: AsyncIterable<Uint8Array>) {
      for await (const chunk of body) {
        await setImmediate()
        yield chunk
      }
      gauge.end()
    }
    const openBody: StorageBackend['openBody'] = async (...about) => {
      gauge.begin()
      return counted(await source.openBody(...about))
    }
    const { total } = await runMigration({ ...source, openBody }, createMemoryBackend(), { concurrency: 2 })
    expect(total.copied).toBe(40)
    expect(gauge.most()).toBe(2)
  })

  it('holds no more than eight batches of 1,000 records', async () => {
    const source = createMemoryBackend()
    await fill(source, { users: 6, records: 3_000 })
    const target = createMemoryBackend()
    const gauge = createGauge()
    const openBody: StorageBackend['openBody'] = async (...about) => {
      gauge.begin()
      return source.openBody(...about)
    }
    const commit: StorageBackend['commit'] = async (namespace, mutations) => {
      // A slow target: meanwhile everything is loaded that may be.
      for (let turn = 0; turn < 300; turn++) await setImmediate()
      const stored = await target.commit(namespace, mutations)
      gauge.end(mutations.length)
      return stored
    }
    const report = await runMigration({ ...source, openBody }, { ...target, commit })
    expect(report).toMatchObject({ settled: true, total: { copied: 18_000 } })
    expect(gauge.most()).toBe(8_000)
  })
})
