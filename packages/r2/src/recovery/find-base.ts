import type { ManifestHead, Namespace, PartPointer } from '@umbra/core'
import { anchorKey } from '../manifest/anchor.ts'
import { isNewer } from '../manifest/head-version.ts'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import { findPartDefects } from './find-part-defect.ts'
import type { PartDefect } from './find-part-defect.ts'
import { listHeadCopies, readHeadCopy } from './head-copies.ts'

/** Copies that are read at most: older ones know nothing that a newer one does not. */
const MAX_COPIES = 16

/** The newest version that can still be read, and what of it cannot. */
export interface RebuildBase {
  /** Object key of the head or of its copy. */
  readonly key: string
  readonly head: ManifestHead
  readonly defects: readonly PartDefect[]
}

export interface FoundBase {
  /** Undefined when no version is left. */
  readonly base: RebuildBase | undefined
  /** Every readable version: what they agree on bounds what the lost one can have been. */
  readonly versions: readonly ManifestHead[]
}

/**
 * The newest readable version, even when parts of it are unusable: what those held is looked for elsewhere, and an older
 * version could only know less.
 */
export async function findBase(
  namespace: Namespace,
  head: { readonly key: string; readonly head: ManifestHead } | undefined,
  context: ManifestContext,
): Promise<FoundBase> {
  const found = head === undefined ? [] : [head]
  const copies = (await listHeadCopies(namespace, context)).slice(0, MAX_COPIES)
  for (const key of [...copies.map((copy) => copy.key), anchorKey(namespace)]) {
    const copy = await readHeadCopy(namespace, key, context)
    if (copy !== undefined) found.push({ key, head: copy })
  }
  const versions = found.map((one) => one.head)
  const newest = found.reduce<(typeof found)[number] | undefined>(
    (best, one) =>
      best === undefined || isNewer({ head: one.head, etag: '' }, { head: best.head, etag: '' }) ? one : best,
    undefined,
  )
  if (newest === undefined) return { base: undefined, versions }
  const defects = await findPartDefects(namespace, newest.head, context)
  return { base: { ...newest, defects }, versions }
}

/** The parts of a base that can be used. */
export function usableParts({ head, defects }: RebuildBase): readonly PartPointer[] {
  const bad = new Set(defects.map(({ pointer }) => pointer))
  return head.parts.filter((part) => !bad.has(part))
}
