import { isWrite } from './store-request.ts'
import type { Verb } from './store-request.ts'

const writes = isWrite
const any = (): boolean => true
const only =
  (...verbs: readonly Verb[]) =>
  (verb: Verb): boolean =>
    verbs.includes(verb)

/** Everything a network and a store can do to a request, and to which ones. */
const FAULTS = {
  /** Never arrives. The client times out. */
  'lost-request': any,
  /** Takes effect; the answer never arrives. The client times out. */
  'lost-answer': any,
  /** Arrives after `delayMs`: usually long after the client's timeout, and after other commits. */
  'late-request': any,
  /** Takes effect at once; the answer arrives after `delayMs`. */
  'late-answer': any,
  /** Arrives a second time `delayMs` later. */
  'duplicated-request': writes,
  /** 409: two writes met, and neither took effect. */
  conflict: only('PUT'),
  /** 429, without effect. */
  'rate-limited': any,
  /** 503, without effect. */
  'error-before-effect': any,
  /** 500, with effect. */
  'error-after-effect': writes,
  /** Nothing that the process sends arrives for `delayMs`, this request included. */
  'network-down': any,
  /** 403 to this and every other request of the process that arrives in the next `delayMs`. */
  'credentials-refused': any,
  /** The body ends half way. */
  'truncated-body': only('GET'),
  /** Every other key, the first included, is refused with an error of its own. */
  'partial-delete': only('DELETE-MANY'),
  /** Answered as done, and not done. */
  'ignored-delete': only('DELETE', 'DELETE-MANY'),
  /** Answered as done, and done `delayMs` later. */
  'delayed-delete': only('DELETE', 'DELETE-MANY'),
} as const satisfies Record<string, (verb: Verb) => boolean>

export type FaultKind = keyof typeof FAULTS

/** Every kind of fault; those easier to understand come first, and plans shrink towards them. */
// The keys of an object literal are exactly those of its type.
export const FAULT_KINDS = Object.keys(FAULTS) as readonly FaultKind[]

export function canBefall(kind: FaultKind, verb: Verb): boolean {
  return FAULTS[kind](verb)
}
