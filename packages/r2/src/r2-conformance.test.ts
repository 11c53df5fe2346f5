import { manageBackend } from '@umbra/core'
import { describeBackend } from '@umbra/core/testing'
import { createR2Backend } from './create-r2-backend.ts'
import { startLocalR2 } from './local/start-local-r2.ts'

describeBackend('r2', {
  parquetGap: 'the suite with the codec runs in packages/unified',
  async create() {
    const server = await startLocalR2()
    return {
      connect: async () => manageBackend(await createR2Backend(server.settings)),
      destroy: () => server.close(),
    }
  },
})
