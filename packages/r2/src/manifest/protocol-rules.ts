import { applySwap } from '@umbra/core'
import { raiseFloor } from '../maintenance/raise-floor.ts'
import { decideOutcome } from './decide-outcome.ts'
import { isConserved } from './is-conserved.ts'
import { mayHaveLanded } from './may-have-landed.ts'
import { mayDropTombstones } from './may-drop-tombstones.ts'

/**
 * The rules the protocol stands on, each in a file of its own that names the schedule it is there for. They are gathered
 * here so that the simulator can show that schedule, by running the same code with one of them broken.
 */
export interface ProtocolRules {
  readonly decideOutcome: typeof decideOutcome
  readonly mayHaveLanded: typeof mayHaveLanded
  readonly applySwap: typeof applySwap
  readonly isConserved: typeof isConserved
  readonly mayDropTombstones: typeof mayDropTombstones
  readonly raiseFloor: typeof raiseFloor
}

export const PROTOCOL_RULES: ProtocolRules = {
  decideOutcome,
  mayHaveLanded,
  applySwap,
  isConserved,
  mayDropTombstones,
  raiseFloor,
}
