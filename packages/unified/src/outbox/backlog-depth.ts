import type { LaneBacklog } from '@umbra/sqlite'

/** Operations that are not decided, of all lanes. */
export function backlogDepth(backlog: readonly LaneBacklog[]): number {
  return backlog.reduce((sum, { count }) => sum + count, 0)
}
