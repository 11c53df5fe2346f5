/** A promise that was broken. */
export interface Violation {
  readonly property: ViolatedProperty
  /** What happened, for people. */
  readonly message: string
}

export type ViolatedProperty =
  /** Nothing can happen any more, and somebody still waits. */
  | 'never-ended'
  /** It goes on and on. */
  | 'no-progress'
  /** A failure that no fault explains. */
  | 'defect'
  /** Heads do not form one chain: +1, over the one before, no two alike, never deleted. */
  | 'broken-chain'
  /** Something is stored that nobody wrote, or was removed by nobody. */
  | 'unexplained-change'
  /** What the application was told had not happened has. */
  | 'rejected-yet-applied'
  /** An operation has happened a second time, or what was replaced or deleted is back. */
  | 'applied-twice'
  /** What was acknowledged has not happened, or was not yet when it was acknowledged. */
  | 'acknowledged-yet-absent'
  /** A write replaced something other than it was allowed to. */
  | 'lost-update'
  /** A revision number did not grow. */
  | 'revision-reused'
  /** A part of a batch has happened without the rest. */
  | 'torn-batch'
  /** A read saw less than what was there when it began. */
  | 'stale-read'
  /** What a read saw was never there at any one moment. */
  | 'torn-read'
  /** Operations of one queue have happened in another order than they were queued in. */
  | 'out-of-order'
  /** Something a version refers to is not there. */
  | 'dangling-reference'
