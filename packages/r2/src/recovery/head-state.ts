import { hasErrorCode, headKey, namespacePath, parseHead, partsPrefix, withRetry } from '@umbra/core'
import type { BaseVersion, ManifestHead, Namespace } from '@umbra/core'
import { isOverwritten } from '../manifest/anchor.ts'
import { isNewer, OVERWRITTEN } from '../manifest/head-version.ts'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import { listHeadCopies, readHeadCopy } from './head-copies.ts'
import { seqOf } from './part-name.ts'

export type HeadState =
  /** Nothing was ever stored. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'whole'; readonly version: BaseVersion }
  /** `bytes` are what is there instead of a manifest. */
  | {
      readonly kind: 'damaged'
      readonly etag: string
      readonly reason: string
      readonly bytes: Uint8Array
    }
  /** A whole manifest, but there was a newer one. */
  | {
      readonly kind: 'outdated'
      readonly version: BaseVersion
      readonly reason: string
    }
  /** There are objects, so there was a head. */
  | { readonly kind: 'lost' }

/** What there is of a namespace's head. Damage is an answer here, not an error. */
export async function readHeadState(namespace: Namespace, context: ManifestContext): Promise<HeadState> {
  // Before the head: so what a running commit stores is never newer than what is read.
  const newestCopy = await newestReadableCopy(namespace, context)
  const newestPart = await newestPartSeq(namespace, context)
  const state = await fetchSettled(namespace, context)
  if (state === undefined)
    return (await hasObjects(namespace, context)) ? fetchAgain(namespace, context) : { kind: 'absent' }
  if (state.kind !== 'whole') return state
  const { version } = state
  if (newestCopy !== undefined && isNewer({ head: newestCopy, etag: '' }, version)) {
    const reason = `it is older than its own copy of version ${newestCopy.header.seq}: a backup was restored`
    return { kind: 'outdated', version, reason }
  }
  // A part of the version about to be written is named by that version.
  if (newestPart <= version.head.header.seq + 1) return state
  const reason = `it is older than a part of version ${newestPart}: a backup was restored`
  return { kind: 'outdated', version, reason }
}

async function newestPartSeq(namespace: Namespace, context: ManifestContext): Promise<number> {
  let newest = 0
  for (const folder of ['s/', 'r/']) {
    for await (const { key } of context.objects.list(`${partsPrefix(namespace)}${folder}`))
      newest = Math.max(newest, seqOf(key) ?? 0)
  }
  return newest
}

/** Once more: it may have been created since the first look. */
async function fetchAgain(namespace: Namespace, context: ManifestContext): Promise<HeadState> {
  return (await fetchState(namespace, context)) ?? { kind: 'lost' }
}

/** Once more when it looks overwritten: its first commit may have been made since. */
async function fetchSettled(namespace: Namespace, context: ManifestContext): Promise<HeadState | undefined> {
  const first = await fetchState(namespace, context)
  if (first?.kind !== 'whole' || !(await isOverwritten(namespace, first.version.head, context))) return first
  const second = await fetchState(namespace, context)
  if (second?.kind !== 'whole' || second.version.head.header.epoch !== '') return second
  return { kind: 'outdated', version: second.version, reason: OVERWRITTEN }
}

async function fetchState(
  namespace: Namespace,
  { objects, retry }: ManifestContext,
): Promise<Extract<HeadState, { kind: 'damaged' }> | { kind: 'whole'; version: BaseVersion } | undefined> {
  const stored = await withRetry(async () => {
    const found = await objects.get(headKey(namespace))
    return found?.kind === 'found' ? { etag: found.etag, bytes: await found.bytes() } : undefined
  }, retry)
  if (stored === undefined) return undefined
  try {
    const head = parseHead(stored.bytes, namespace)
    return { kind: 'whole', version: { head, etag: stored.etag } }
  } catch (error) {
    if (!hasErrorCode(error, 'CORRUPT')) throw error
    return { kind: 'damaged', reason: String(error.details['reason']), ...stored }
  }
}

async function newestReadableCopy(
  namespace: Namespace,
  context: ManifestContext,
): Promise<ManifestHead | undefined> {
  for (const { key } of (await listHeadCopies(namespace, context)).slice(0, 3)) {
    const copy = await readHeadCopy(namespace, key, context)
    if (copy !== undefined) return copy
  }
  return undefined
}

/** Parts at any age; bodies only beyond the grace, because the first commit of a namespace stores them before its head. */
async function hasObjects(namespace: Namespace, context: ManifestContext): Promise<boolean> {
  const { objects, clock, limits } = context
  for await (const _ of objects.list(partsPrefix(namespace), { limit: 1 })) return true
  const settledBefore = clock.now() - limits.graceMs
  for await (const { lastModified } of objects.list(`${namespacePath(namespace)}/`)) {
    if (lastModified.getTime() <= settledBefore) return true
  }
  return false
}
