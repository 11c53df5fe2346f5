import { manageBackend } from '@umbra/core'
import { describeBackend } from '@umbra/core/testing'
import { createR2Backend } from './create-r2-backend.ts'
import { startLocalR2 } from './local/start-local-r2.ts'
import { createParquetCodec } from './parquet/parquet-codec.ts'

/** Bounds so small that every few records are sealed and merged: the same answers must come out of the parts. */
const LIMITS = { tailLines: 2, overfull: 2, fanOut: 2, maxParts: 4 }

describeBackend('r2, sealing and merging all the time', {
  async create() {
    const server = await startLocalR2()
    return {
      connect: async () =>
        manageBackend(await createR2Backend(server.settings, { limits: LIMITS }), {
          parquet: createParquetCodec(),
        }),
      destroy: () => server.close(),
    }
  },
})
