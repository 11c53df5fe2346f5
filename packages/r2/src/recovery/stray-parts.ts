import { isUmbraError, partsPrefix } from '@umbra/core'
import type { ManifestEntry, ManifestHead, Namespace, PartPointer } from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import { PartGone } from '../manifest/part-gone.ts'
import { parseEntry } from './entry-schema.ts'
import type { RebuildBase } from './find-base.ts'
import { hashBody } from './hash-body.ts'
import { levelOf, seqOf } from './part-name.ts'
import { readPart } from './read-part.ts'

/** Segments and runs the base does not refer to and that can hold what it does not know, oldest first. */
export async function findStrayParts(
  namespace: Namespace,
  { base, versions }: { readonly base: RebuildBase | undefined; readonly versions: readonly ManifestHead[] },
  context: ManifestContext,
): Promise<readonly PartPointer[]> {
  const referred = new Set(base?.head.parts.map(({ key }) => key))
  const described = new Map(versions.flatMap(({ parts }) => parts.map((part) => [part.key, part])))
  const since = firstUnknown(base)
  const found: PartPointer[] = []
  for (const folder of ['s/', 'r/']) {
    for await (const { key, size } of context.objects.list(`${partsPrefix(namespace)}${folder}`)) {
      const seq = seqOf(key)
      if (seq === undefined || seq < since || referred.has(key)) continue
      found.push(described.get(key) ?? describe(key, { seq, size }))
    }
  }
  return found.sort((a, b) => a.seq[1] - b.seq[1])
}

/** The first version with changes that the base may not know: after it, or in a part of it that is unusable. */
function firstUnknown(base: RebuildBase | undefined): number {
  if (base === undefined) return 0
  return Math.min(base.head.header.seq + 1, ...base.defects.map(({ pointer }) => pointer.seq[0]))
}

/** All that the name and the size of an object tell; its hash is taken when it is read. */
function describe(key: string, { seq, size }: { seq: number; size: number }): PartPointer {
  const level = levelOf(key)
  return {
    _: level === undefined ? 'seg' : 'run',
    key,
    level: level ?? 0,
    rows: 0,
    dels: 0,
    seq: [seq, seq],
    ids: ['', ''],
    at: ['', ''],
    bytes: size,
    sha256: '',
    sum: '',
  }
}

/**
 * The entries of a stray part. A part that is not, to its end, what this library writes gives none: its bodies are found
 * by the listing. Read twice for that, so that memory does not grow with it.
 */
export async function* readStrayPart(
  namespace: Namespace,
  pointer: PartPointer,
  context: ManifestContext,
): AsyncGenerator<ManifestEntry, void, undefined> {
  const stored = await hashBody(pointer.key, context)
  if (stored === undefined || (pointer.sha256 !== '' && pointer.sha256 !== stored.sha256)) return
  const verified = { ...pointer, ...stored }
  if (!(await isReadable(namespace, verified, context))) return
  yield* readPart(namespace, verified, context)
}

async function isReadable(
  namespace: Namespace,
  pointer: PartPointer,
  context: ManifestContext,
): Promise<boolean> {
  try {
    for await (const entry of readPart(namespace, pointer, context)) {
      if (parseEntry(entry, namespace) === undefined) return false
    }
    return true
  } catch (error) {
    if (error instanceof PartGone || (isUmbraError(error) && error.code === 'CORRUPT')) return false
    throw error
  }
}
