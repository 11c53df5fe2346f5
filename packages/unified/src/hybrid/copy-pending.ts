import { UmbraError } from '@umbra/core'

/** The primary has the write; whoever sent it keeps it, and sends it again until the secondary has it too. */
export function copyPending(failure: unknown): UmbraError {
  // Not as the cause itself: it is no outage of the primary, which would be left alone for it.
  const cause = new Error('sqlite could not take the copy', { cause: failure })
  return new UmbraError('OUTCOME_PENDING', 'r2 has the write, but sqlite could not take its copy yet', {
    cause,
  })
}
