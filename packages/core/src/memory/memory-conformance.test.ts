import { manageBackend } from '../manager/manage-backend.ts'
import { describeBackend } from '../testing/describe-backend.ts'
import { createMemoryBackend } from './memory-backend.ts'

describeBackend('memory', {
  parquetGap: 'core has no Parquet codec',
  async create() {
    const backend = createMemoryBackend()
    return { connect: async () => manageBackend(backend), destroy: async () => {} }
  },
})
