import { z } from 'zod'
import 'zod-openapi'

/** Of the routes that read. */
export const consistency = z
  .literal('strong')
  .meta({
    description:
      'Answer with 503 rather than with what may be out of date, which is flagged as stale while the store does not answer',
  })
  .optional()
