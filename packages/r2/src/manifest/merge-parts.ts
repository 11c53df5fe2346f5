import { partsPrefix, UmbraError, withRetry } from '@umbra/core'
import type { ManifestHead, MergedParts, Namespace, PartPointer } from '@umbra/core'
import { storeGarbage } from './garbage-list.ts'
import type { ManifestContext } from './manifest-context.ts'
import { openPart } from './open-part.ts'
import type { MergedRun, WrittenRun } from './run-format.ts'

/**
 * Merges neighbouring parts of a head into one run and stores it. The head is not changed: the swap takes effect when it
 * is applied, provided that the parts are still there.
 *
 * @throws `CORRUPT` when the result does not hold exactly what went in; it is then not stored.
 */
export async function mergeParts(
  namespace: Namespace,
  { head, inputs }: { readonly head: ManifestHead; readonly inputs: readonly PartPointer[] },
  context: ManifestContext,
): Promise<MergedParts> {
  const now = context.clock.now()
  const keptSince = new Date(now - context.limits.tombstoneMs).toISOString()
  const dropTombstonesBefore = context.rules.mayDropTombstones(head, inputs, keptSince)
  // What went bad on this machine would stay in the store for good.
  const parts = await Promise.all(
    inputs.map((part) => openPart(namespace, part, context, { isChecked: true })),
  )
  const path = await context.cache.temporaryPath(context.runs.extension)
  const merged = await context.runs.merge(parts, {
    path,
    ...(dropTombstonesBefore !== undefined && { dropTombstonesBefore }),
  })
  try {
    if (!context.rules.isConserved(inputs, merged)) throw notConserved(namespace, inputs)
    const output = merged.run && (await storeRun(namespace, { run: merged.run, inputs }, context))
    const garbage = await storeGarbage(
      namespace,
      { keys: unreferred(merged, inputs), before: head.garbage },
      context,
    )
    const uploadedAt = new Date(now).toISOString()
    return { kind: 'merge', inputs, output, garbage, garbageBefore: head.garbage, uploadedAt }
  } finally {
    await merged.dispose()
  }
}

async function storeRun(
  namespace: Namespace,
  { run, inputs }: { readonly run: WrittenRun; readonly inputs: readonly PartPointer[] },
  context: ManifestContext,
): Promise<PartPointer> {
  const { path, body, ...summary } = run
  const level = 1 + Math.max(...inputs.map((part) => part.level))
  const seq = [inputs[0]?.seq[0] ?? 0, inputs.at(-1)?.seq[1] ?? 0] as const
  const name = `${String(seq[1]).padStart(12, '0')}-${context.ids.next(context.clock.now())}`
  const key = `${partsPrefix(namespace)}r/L${level}/${name}.${context.runs.extension}`
  const pointer: PartPointer = { _: 'run', key, level, seq, ...summary }
  // Nobody else can name the key, so whatever has it is this very run.
  await withRetry(() => context.objects.put(key, body), context.retry)
  await context.cache.adopt(pointer, path)
  return pointer
}

async function* unreferred({ dropped }: MergedRun, inputs: readonly PartPointer[]): AsyncGenerator<string> {
  yield* dropped.keys()
  for (const { key } of inputs) yield key
}

function notConserved(namespace: Namespace, inputs: readonly PartPointer[]): UmbraError {
  return new UmbraError(
    'CORRUPT',
    `a merge of manifest parts did not keep every entry and was thrown away; run fsck. module=${namespace.module} user=${namespace.userId}`,
    { details: { ...namespace, inputs: inputs.map(({ key }) => key) } },
  )
}
