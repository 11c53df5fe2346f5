import { applySwap } from '@umbra/core'
import { raiseFloor } from '../maintenance/raise-floor.ts'
import { decideOutcome } from './decide-outcome.ts'
import { isConserved } from './is-conserved.ts'
import { mayDropTombstones } from './may-drop-tombstones.ts'
import { stampCommit } from './stamp-commit.ts'

/**
 * The rules the protocol stands on, each in a file of its own that names the schedule it is there for. They are gathered
 * here so that the simulator can show that schedule, by running the same code with one of them broken.
 */
export interface ProtocolRules {
  readonly decideOutcome: typeof decideOutcome
  readonly applySwap: typeof applySwap
  readonly isConserved: typeof isConserved
  readonly mayDropTombstones: typeof mayDropTombstones
  readonly stampCommit: typeof stampCommit
  readonly raiseFloor: typeof raiseFloor
}

export const PROTOCOL_RULES: ProtocolRules = {
  decideOutcome,
  applySwap,
  isConserved,
  mayDropTombstones,
  stampCommit,
  raiseFloor,
}
