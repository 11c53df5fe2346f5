import { decodePathPart, encodePathPart } from '@umbra/core'

/** Which revision of which record an object is the body of, so that a lost manifest can be rebuilt from the objects alone. */
export interface RevisionLabel {
  readonly id: string
  readonly rev: number
  /** Of the body, in hex. */
  readonly sha256: string
  /** The upload's nonce: tells an object from one that somebody else stored under the same key. */
  readonly op: string
  /** The record's timestamp. */
  readonly at: string
}

type Metadata = Readonly<Record<string, string>>

/**
 * As object metadata, `umbra: {id}~{rev}~{sha256}~{op}~{at}`. One header and not five: a store signs and checks each, and of a small
 * upload five are a twelfth of its work.
 */
export function encodeRevisionLabel({ id, rev, sha256, op, at }: RevisionLabel): Metadata {
  return { umbra: [encodePathPart(id), rev, sha256, op, at].join('~') }
}

/** Undefined for an object that was not stored as a record's body. */
export function decodeRevisionLabel({ umbra = '' }: Metadata): RevisionLabel | undefined {
  const [idPart = '', rev, sha256, op, at, ...more] = umbra.split('~')
  const id = decodePathPart(idPart)
  const isComplete = sha256 !== undefined && op !== undefined && at !== undefined && more.length === 0
  if (id === undefined || !isComplete || !(Number(rev) >= 1)) return undefined
  return { id, rev: Number(rev), sha256, op, at }
}
