import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { manageBackend } from '@umbra/core'
import { describeBackend } from '@umbra/core/testing'
import { createSqliteBackend } from './sqlite-backend.ts'

describeBackend('sqlite', {
  parquetGap: 'the Parquet codec is part of the r2 package',
  async create() {
    const folder = await mkdtemp(join(tmpdir(), 'umbra-sqlite-'))
    return {
      connect: async () => manageBackend(await createSqliteBackend({ path: join(folder, 'umbra.sqlite') })),
      destroy: () => rm(folder, { recursive: true }),
    }
  },
})
