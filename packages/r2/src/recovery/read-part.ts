import { decodeJsonLines, withRetry } from '@umbra/core'
import type { ManifestEntry, Namespace, PartPointer } from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import { openPart } from '../manifest/open-part.ts'
import { PartGone } from '../manifest/part-gone.ts'

/** A copy on this machine may have gone bad since it was fetched. */
const CHECKED = { isChecked: true } as const

/** Every entry of a part, those it replaces itself included: a run by id, a segment oldest first. */
export async function* readPart(
  namespace: Namespace,
  pointer: PartPointer,
  context: ManifestContext,
): AsyncGenerator<ManifestEntry, void, undefined> {
  if (pointer._ === 'run') yield* context.runs.readAll(await openPart(namespace, pointer, context, CHECKED))
  else yield* await readSegmentLines(pointer, context)
}

/** Segments are small, so their lines are read at once, and again when the body ends early. */
async function readSegmentLines(
  { key }: PartPointer,
  { objects, retry }: ManifestContext,
): Promise<readonly ManifestEntry[]> {
  return withRetry(async () => {
    const found = await objects.get(key)
    if (found?.kind !== 'found') throw new PartGone(key)
    const entries: ManifestEntry[] = []
    // Who calls has compared the hash, or checks every entry.
    for await (const line of decodeJsonLines(found.body)) entries.push(line as ManifestEntry)
    return entries
  }, retry)
}
