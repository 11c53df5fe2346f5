import { parseDataKey, withRetry } from '@umbra/core'
import type { GarbagePointer, Namespace } from '@umbra/core'
import { readGarbage } from '../manifest/garbage-list.ts'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import type { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import type { Snapshot } from '../manifest/snapshot.ts'

export interface Collected {
  readonly deleted: number
  readonly failed: readonly { readonly key: string; readonly message: string }[]
}

/** The garbage lists of a version, oldest first, with the objects they name. */
export async function readGarbageChain(
  namespace: Namespace,
  newest: GarbagePointer | undefined,
  context: ManifestContext,
): Promise<readonly { readonly pointer: GarbagePointer; readonly keys: readonly string[] }[]> {
  const lists: { pointer: GarbagePointer; keys: readonly string[] }[] = []
  for (let pointer = newest; pointer !== undefined;) {
    const list = await readGarbage(namespace, pointer, context)
    if (list === undefined) break
    lists.unshift({ pointer, keys: list.keys })
    pointer = list.before
  }
  return lists
}

/**
 * Deletes what was replaced longer than the grace ago, oldest list first, each list after what it names: interrupted
 * anywhere, the next collection goes on where this one stopped. A list is dated when its commit is planned, which may take
 * as long as a commit is given to land.
 */
export async function collectGarbage(
  manifest: NamespaceManifest,
  dryRun: boolean,
  context: ManifestContext,
): Promise<Collected> {
  const snapshot = await manifest.snapshot()
  const dueBefore = new Date(
    context.clock.now() - context.limits.graceMs - context.commitTimeoutMs,
  ).toISOString()
  const lists = await readGarbageChain(manifest.namespace, snapshot?.version.head.garbage, context)
  let deleted = 0
  for (const { pointer, keys } of lists) {
    if (snapshot === undefined || pointer.at >= dueBefore) break
    const victims = await withoutReferred(snapshot, keys)
    deleted += victims.length
    if (dryRun) continue
    const { failed } = await context.objects.deleteMany(victims)
    if (failed.length > 0) return { deleted: deleted - failed.length, failed }
    await withRetry(() => context.objects.delete(pointer.key), context.retry)
  }
  return { deleted, failed: [] }
}

/** A rebuild may have brought back from a merged segment what a list of before names. */
async function withoutReferred(snapshot: Snapshot, keys: readonly string[]): Promise<readonly string[]> {
  const parts = new Set(snapshot.version.head.parts.map(({ key }) => key))
  const ids = new Map(keys.map((key) => [key, parseDataKey(key)?.id]))
  const current = await snapshot.lookup([...ids.values()].filter((id) => id !== undefined))
  return keys.filter((key) => !parts.has(key) && !isCurrent(current.get(ids.get(key) ?? ''), key))
}

function isCurrent(entry: { readonly key: string; readonly op: string } | undefined, key: string): boolean {
  return entry?.op === 'put' && entry.key === key
}
