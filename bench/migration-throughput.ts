import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { manageBackend } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import { createSqliteBackend } from '@umbra/sqlite'
import { runMigration } from '@umbra/unified/migration'
import { alternate, inFlight, seconds } from './alternate.ts'
import { toResult } from './bench-result.ts'
import type { Bench } from './bench-result.ts'
import { createCounter } from './counting-store.ts'
import { createRawClient } from './s3-peers.ts'
import { sampleRecord } from './sample-records.ts'

/** The budget is about 100,000: `--records 100000`. */
const DEFAULT_RECORDS = 20_000
const NAMESPACES = 20
const WIDTH = 64
const ROUNDS = 3
/** From so many records on a round takes minutes, most of which no warm-up changes: there is one. */
const LONG_ROUND_RECORDS = 100_000

const body = (n: number) => new TextEncoder().encode(JSON.stringify(sampleRecord(n)))

/** B10: everything in a SQLite file to R2, each round to a bucket of its own. */
export const migrationThroughput: Bench = {
  ids: ['B10'],
  async run(report, { records = DEFAULT_RECORDS }) {
    const folder = await mkdtemp(join(tmpdir(), 'umbra-bench-'))
    const isLong = records >= LONG_ROUND_RECORDS
    const rounds = isLong ? 1 : ROUNDS
    const source = await fill(join(folder, 'source.sqlite'), records)
    const { counts, decorate } = createCounter()
    let migrated = 0
    const figures = await alternate(
      rounds,
      {
        ours: async () => {
          const server = await startLocalR2()
          const target = await createR2Backend(server.settings, { decorate })
          const elapsed = await seconds(async () => {
            const { total } = await runMigration(source, target, { concurrency: WIDTH })
            migrated += total.copied
          })
          await target.close()
          await server.close()
          return records / elapsed
        },
        raw: async () => {
          const server = await startLocalR2()
          const raw = createRawClient(server.settings)
          const prefix = randomUUID()
          const elapsed = await seconds(() =>
            inFlight(records, WIDTH, (n) => raw.put(`raw/${prefix}/${n}`, body(n))),
          )
          raw.close()
          await server.close()
          return records / elapsed
        },
      },
      report,
      { warmUp: !isLong },
    )
    await source.close()
    await rm(folder, { recursive: true })
    if (migrated !== records * (isLong ? rounds : rounds + 1))
      throw new Error(`${migrated} records were migrated`)
    return [
      toResult({
        id: 'B10',
        name: `migration SQLite to R2, ${records} records of 1 KiB in ${NAMESPACES} namespaces, over raw PutObject`,
        value: figures.ours / figures.raw,
        unit: 'ratio',
        budget: { atLeast: 0.8 },
        ours: {
          name: 'runMigration',
          value: figures.ours,
          unit: 'records/s',
          note: `compared, hashed and indexed; ${((counts.headPuts / migrated) * 1_000).toFixed(1)} head writes per 1,000 records`,
        },
        baseline: {
          name: `raw SDK PutObject of the same bodies, ${WIDTH} in flight, no index`,
          value: figures.raw,
          unit: 'records/s',
        },
        peers: [],
      }),
    ]
  },
}

async function fill(path: string, records: number): Promise<StorageBackend> {
  const backend = await createSqliteBackend({ path, durability: 'relaxed' })
  // Not closed: that would close the backend.
  const storage = manageBackend(backend)
  const each = Math.ceil(records / NAMESPACES)
  for (let start = 0; start < records; start += each) {
    const count = Math.min(each, records - start)
    const requests = Array.from({ length: count }, (_, n) => ({
      module: 'bench',
      userId: `user-${start / each}`,
      data: sampleRecord(start + n),
    }))
    await storage.storeMany(requests)
  }
  return backend
}
