import { headKey, parseHead } from '@umbra/core'
import type { Namespace } from '@umbra/core'
import type { ApplyObserver } from '@umbra/core/testing'

export interface HeadVersion {
  readonly seq: number
  readonly prev: { readonly seq: number; readonly etag: string } | null
  readonly etag: string
}

export interface HeadRecorder extends ApplyObserver {
  /** Every version the store has acknowledged, in the order of the acknowledgements. */
  versions(namespace: Namespace): readonly HeadVersion[]
  /** Resolves when the store has applied the next version of any head, before its writer can know, to whose it is. */
  nextVersion(): Promise<Namespace>
}

/** Stands between the proxy and the store, and writes down every version of every manifest head. */
export function createHeadRecorder(namespaces: readonly Namespace[]): HeadRecorder {
  const byKey = new Map(namespaces.map((namespace) => [headKey(namespace), namespace]))
  const seen = new Map<string, HeadVersion[]>()
  const waiting = new Set<(namespace: Namespace) => void>()
  return {
    keepsBody: ({ method, key }) => method === 'PUT' && byKey.has(key),
    onApplied: ({ method, key, body }, { etag = '' }) => {
      const namespace = byKey.get(key)
      if (method !== 'PUT' || namespace === undefined) return
      const { seq, prev } = parseHead(body, namespace).header
      seen.set(key, [...(seen.get(key) ?? []), { seq, prev, etag }])
      for (const wake of waiting) wake(namespace)
      waiting.clear()
    },
    versions: (namespace) => seen.get(headKey(namespace)) ?? [],
    nextVersion: () => new Promise((resolve) => waiting.add(resolve)),
  }
}

/** What is wrong with a namespace's versions; nothing when they form one chain that ends in `currentEtag`. */
export function chainDefects(
  versions: readonly HeadVersion[],
  currentEtag: string | undefined,
): readonly string[] {
  const chain = versions.toSorted((one, other) => one.seq - other.seq)
  const defects = chain.flatMap((version, index) => {
    const before = chain[index - 1]
    if (before === undefined) return version.prev === null ? [] : [`version ${version.seq} has lost its past`]
    const follows =
      version.seq === before.seq + 1 && version.prev?.seq === before.seq && version.prev.etag === before.etag
    return follows
      ? []
      : [`version ${version.seq} (${version.etag}) does not follow ${before.seq} (${before.etag})`]
  })
  const last = chain.at(-1)
  if (last?.etag === currentEtag) return defects
  return [...defects, `the head is ${currentEtag}, but the last version written was ${last?.etag}`]
}
