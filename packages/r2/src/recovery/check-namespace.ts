import { headKey, namespacePath } from '@umbra/core'
import type { BaseVersion, CheckOptions, CheckReport, Namespace, NamespaceProblem } from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import { PartGone, partMissing } from '../manifest/part-gone.ts'
import { checkBodies } from './check-bodies.ts'
import type { BodyReport } from './check-bodies.ts'
import { LiveCount } from './count-live.ts'
import { findPartDefects } from './find-part-defect.ts'
import type { PartDefect } from './find-part-defect.ts'
import { readHeadState } from './head-state.ts'
import type { HeadState } from './head-state.ts'
import { entryReferences, garbageReferences } from './known-references.ts'
import { readEntries } from './read-entries.ts'
import type { Reference } from './sorted-references.ts'

/** Times a check starts again because the version it read was replaced, and its parts collected, meanwhile. */
const MAX_RESTARTS = 3

/**
 * Verifies a namespace as it is in the store: head, parts, sums, and that the body of every record is there; with `deep`
 * that it is unchanged. Changes nothing. Reads every part, and needs memory for its segments but not for its runs.
 *
 * Damage is reported, never thrown. Rejects with `UNSUPPORTED` for a manifest of a newer format, and when the store fails.
 */
export async function checkNamespace(
  namespace: Namespace,
  options: CheckOptions,
  context: ManifestContext,
): Promise<CheckReport> {
  for (let restarts = 0; ; restarts++) {
    const state = await readHeadState(namespace, context)
    if (state.kind !== 'whole') return unreadable(namespace, state)
    const defects = await findPartDefects(namespace, state.version.head, context)
    const isLast = restarts === MAX_RESTARTS
    if (defects.length > 0 && !isLast && (await wasReplaced(namespace, state.version, context))) continue
    try {
      return await checkVersion(namespace, { version: state.version, defects, ...options }, context)
    } catch (error) {
      if (!(error instanceof PartGone)) throw error
      if (isLast) throw partMissing(error)
    }
  }
}

interface VersionCheck extends CheckOptions {
  readonly version: BaseVersion
  readonly defects: readonly PartDefect[]
}

async function checkVersion(
  namespace: Namespace,
  { version, defects, deep = false }: VersionCheck,
  context: ManifestContext,
): Promise<CheckReport> {
  const { head } = version
  const bad = new Set(defects.map(({ pointer }) => pointer))
  const readable = { ...head, parts: head.parts.filter((part) => !bad.has(part)) }
  const live = new LiveCount()
  const entries = live.count(readEntries(namespace, readable, context))
  const references = chain(entryReferences(entries), garbageReferences(namespace, head, context))
  const bodies = await checkBodies(namespace, { references, deep }, context)
  const problems = [...defects.map(partProblem), ...bodies.problems]
  // What is missing shows in the sum and leaves bodies without an entry: consequences, not further damage.
  if (defects.length === 0) {
    const { header } = head
    if (live.records !== header.live || live.sum !== header.sum)
      problems.push(sumProblem(namespace, live.records, header.live))
    problems.push(...orphanProblem(namespace, bodies))
  }
  return { records: live.records, parts: head.parts.length, bytes: live.bytes, problems }
}

async function wasReplaced(
  namespace: Namespace,
  version: BaseVersion,
  context: ManifestContext,
): Promise<boolean> {
  const state = await readHeadState(namespace, context)
  return state.kind !== 'whole' || state.version.etag !== version.etag
}

async function* chain(...sources: readonly AsyncIterable<Reference>[]): AsyncGenerator<Reference> {
  for (const source of sources) yield* source
}

function unreadable(namespace: Namespace, state: Exclude<HeadState, { kind: 'whole' }>): CheckReport {
  const nothing = { records: 0, parts: 0, bytes: 0 }
  if (state.kind === 'absent') return { ...nothing, problems: [] }
  const subject = headKey(namespace)
  if (state.kind === 'lost') {
    const message = 'the manifest is gone although there are objects of the namespace; run `umbra rebuild`'
    return { ...nothing, problems: [{ kind: 'head-lost', subject, message }] }
  }
  const message = `the manifest is damaged (${state.reason}); run \`umbra rebuild\``
  return { ...nothing, problems: [{ kind: 'head-damaged', subject, message }] }
}

function partProblem({ kind, pointer, reason }: PartDefect): NamespaceProblem {
  const message = `a part with ${pointer.rows} entries is unusable (${reason}); run \`umbra rebuild\``
  return { kind, subject: pointer.key, message }
}

function sumProblem(namespace: Namespace, found: number, expected: number): NamespaceProblem {
  const message = `the entries are not those the manifest counts (${found} found, ${expected} counted); run \`umbra rebuild\``
  return { kind: 'sum-mismatch', subject: headKey(namespace), message }
}

function orphanProblem(namespace: Namespace, { orphans }: BodyReport): readonly NamespaceProblem[] {
  if (orphans.count === 0) return []
  const message = `nothing refers to ${orphans.count} objects with ${orphans.bytes} bytes; run \`umbra gc\``
  return [{ kind: 'orphans', subject: `${namespacePath(namespace)}/`, message }]
}
