import { isUmbraError, partsPrefix } from '@umbra/core'
import type { ManifestHead, Namespace, PartPointer } from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import { PartGone } from '../manifest/part-gone.ts'
import { hashBody } from './hash-body.ts'
import { PartTally } from './part-tally.ts'
import { readPart } from './read-part.ts'

export interface PartDefect {
  readonly kind: 'part-missing' | 'part-damaged'
  readonly pointer: PartPointer
  /** A few words. */
  readonly reason: string
}

/** The parts of a head that are not what their pointers say, one after the other: each is read whole. */
export async function findPartDefects(
  namespace: Namespace,
  { parts }: Pick<ManifestHead, 'parts'>,
  context: ManifestContext,
): Promise<readonly PartDefect[]> {
  const defects: PartDefect[] = []
  for (const pointer of parts) {
    const defect = await findPartDefect(namespace, pointer, context)
    if (defect !== undefined) defects.push(defect)
  }
  return defects
}

/** The object in the store is judged, not a copy of it on this machine, which is fetched again when it is not the same. */
async function findPartDefect(
  namespace: Namespace,
  pointer: PartPointer,
  context: ManifestContext,
): Promise<PartDefect | undefined> {
  const damaged = (reason: string) => ({ kind: 'part-damaged', pointer, reason }) as const
  if (!pointer.key.startsWith(partsPrefix(namespace))) return damaged('it lies outside its namespace')
  const stored = await hashBody(pointer.key, context)
  if (stored === undefined) return { kind: 'part-missing', pointer, reason: 'it is gone' }
  if (stored.sha256 !== pointer.sha256) return damaged('its content is not what was written')
  if (stored.bytes !== pointer.bytes) return damaged('its length is not what the manifest says')
  const tally = new PartTally()
  try {
    for await (const entry of readPart(namespace, pointer, context)) tally.add(entry)
  } catch (error) {
    if (error instanceof PartGone) return { kind: 'part-missing', pointer, reason: 'it is gone' }
    if (isUmbraError(error) && error.code !== 'CORRUPT') throw error
    return damaged('it cannot be read')
  }
  const difference = tally.compare(pointer)
  return difference === undefined ? undefined : damaged(difference)
}
