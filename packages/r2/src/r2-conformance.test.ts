import { manageBackend } from '@umbra/core'
import { describeBackend } from '@umbra/core/testing'
import { createR2Backend } from './create-r2-backend.ts'
import { startLocalR2 } from './local/start-local-r2.ts'
import { createParquetCodec } from './parquet/parquet-codec.ts'

describeBackend('r2', {
  async create() {
    const server = await startLocalR2()
    return {
      connect: async () =>
        manageBackend(await createR2Backend(server.settings), { parquet: createParquetCodec() }),
      destroy: () => server.close(),
    }
  },
})
