import { compareCodePoints } from '@umbra/core'
import type { PartPointer } from '@umbra/core'

/** Whether a part can have an entry of this id. */
export function mayHold({ ids: [low, high] }: Pick<PartPointer, 'ids'>, id: string): boolean {
  return compareCodePoints(id, low) >= 0 && compareCodePoints(id, high) <= 0
}
