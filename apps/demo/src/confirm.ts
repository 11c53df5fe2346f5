import { UmbraError } from '@umbra/core'

/** The tour claims nothing that it has not just checked. @throws `INTERNAL` when a claim does not hold. */
export function confirm(holds: boolean, claim: string): asserts holds {
  if (!holds) throw new UmbraError('INTERNAL', `the demonstration found that this does not hold: ${claim}`)
}
