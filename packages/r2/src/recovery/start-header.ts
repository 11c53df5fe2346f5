import { EMPTY_SUM } from '@umbra/core'
import type { HeadHeader, ManifestHead, Namespace } from '@umbra/core'

export interface NewHeader {
  /** Every version that can still be read. */
  readonly versions: readonly ManifestHead[]
  /** Epoch that a damaged head names. */
  readonly claimedEpoch: string | undefined
  /** Highest version number that any object is named by. */
  readonly highestSeq: number
  readonly freshId: string
  readonly at: string
  /** Uploads older than this may have been collected under a floor that is lost: ISO 8601, UTC. */
  readonly safeFloor: string | null
}

/** The header of a rebuilt manifest before its records are counted. No attempt of before can be told by it. */
export function startHeader(namespace: Namespace, request: NewHeader): HeadHeader {
  const { versions, claimedEpoch = '', highestSeq, freshId, at, safeFloor } = request
  const headers = versions.map(({ header }) => header)
  return {
    _: 'head',
    v: 1,
    module: namespace.module,
    user_id: namespace.userId,
    epoch: epochAfter(maximum([claimedEpoch, ...headers.map(({ epoch }) => epoch)]), freshId),
    seq: Math.max(highestSeq, ...headers.map(({ seq }) => seq)) + 1,
    commit: freshId,
    prev: null,
    at,
    live: 0,
    sum: EMPTY_SUM,
    floor: maximum([safeFloor ?? '', ...headers.map(({ floor }) => floor ?? '')]) || null,
    w: {},
    anchored: false,
    forgotten: 0,
  }
}

/** A fresh id is later than any before, unless a clock was wrong. */
function epochAfter(before: string, freshId: string): string {
  return freshId > before ? freshId : `${before}~${freshId}`
}

function maximum(values: readonly string[]): string {
  return values.reduce((best, value) => (value > best ? value : best), '')
}
