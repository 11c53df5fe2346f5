import type { PendingWrites } from '../backend/pending-writes.ts'
import { UmbraError } from '../errors/umbra-error.ts'

/** Of a backend whose writes are done when they resolve. */
export const NOTHING_PENDING: PendingWrites = {
  sync: async () => ({ pending: 0 }),
  conflicts: async () => [],
  async resolve(id) {
    throw new UmbraError('NOT_FOUND', `there is no such conflict. id=${id}`, { details: { id } })
  },
  on: () => () => {},
}
