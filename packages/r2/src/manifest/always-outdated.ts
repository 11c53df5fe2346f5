import { UmbraError } from '@umbra/core'

/**
 * Others were faster with every upload, or a collector's floor is ahead of this machine's clock: the store answers, so this is
 * contention and no outage.
 */
export function alwaysOutdated(): UmbraError {
  return new UmbraError(
    'CONFLICT',
    'the bodies were outdated as soon as they were stored; try again, and check that the clocks of this machine and of the one that collects garbage are right',
  )
}
