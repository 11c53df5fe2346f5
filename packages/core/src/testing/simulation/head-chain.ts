import type { StoredVersion } from './object-history.ts'
import type { Violation } from './violation.ts'

/** What a version of a head says about its place in the chain. */
export interface HeadLink {
  readonly seq: number
  /** ETag of the version before; undefined for the first. */
  readonly prevEtag: string | undefined
  /** Names the chain: the same in all its versions. */
  readonly epoch: string
}

/**
 * A `watch` for `simulate` that follows the heads under some keys: each must be the next of the one before it, whatever
 * else happens. Cheap enough for every step when `decode` reads the header only. It remembers the heads of one
 * simulation, so make a new one for each.
 */
export function watchHeadChain(
  isHead: (key: string) => boolean,
  decode: (bytes: Uint8Array) => HeadLink,
): (version: StoredVersion) => Violation | undefined {
  const chains = new Map<string, HeadChain>()
  return (version) => {
    if (!isHead(version.key)) return undefined
    const chain = chains.get(version.key) ?? new HeadChain()
    chains.set(version.key, chain)
    const problem = version.kind === 'deleted' ? 'was deleted' : chain.add(version, decode(version.bytes))
    return problem === undefined
      ? undefined
      : { property: 'broken-chain', message: `v${version.number} of ${version.key} ${problem}` }
  }
}

/** The versions of one head, checked one by one. */
export class HeadChain {
  #last: { readonly etag: string; readonly link: HeadLink } | undefined
  readonly #etags = new Set<string>()

  /** Returns what is wrong with a version as the next one. */
  add({ etag }: Pick<StoredVersion, 'etag'>, link: HeadLink): string | undefined {
    const last = this.#last
    const isRepeated = this.#etags.has(etag)
    this.#last = { etag, link }
    this.#etags.add(etag)
    if (isRepeated) return 'has the same bytes as an earlier version'
    if (last === undefined)
      return link.prevEtag === undefined ? undefined : 'is the first one, yet names one before it'
    if (link.prevEtag !== last.etag) return 'does not follow the version it replaced'
    if (link.seq !== last.link.seq + 1) return `has seq ${link.seq} after ${last.link.seq}`
    return link.epoch === last.link.epoch ? undefined : 'is of another epoch'
  }
}
