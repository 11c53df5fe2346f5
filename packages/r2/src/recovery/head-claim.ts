import { firstLineOf } from '@umbra/core'
import { z } from 'zod'

const claimSchema = z.object({
  epoch: z.string().max(64),
  seq: z.int().min(0),
  live: z.int().min(0),
  sum: z.string().regex(/^[0-9a-f]{64}$/),
})

/** What the first line of a damaged head says. Nothing is taken from it; it can only confirm what was found otherwise. */
export type HeadClaim = z.infer<typeof claimSchema>

export function readClaim(bytes: Uint8Array): HeadClaim | undefined {
  try {
    return claimSchema.parse(JSON.parse(firstLineOf(bytes)))
  } catch {
    // Nothing is left that says anything.
    return undefined
  }
}
