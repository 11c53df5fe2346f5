import { checkRecordHistory } from '@umbra/core/testing'
import type { SimulationResult, Violation } from '@umbra/core/testing'
import { parseHead } from '@umbra/core'
import type { ManifestEntry } from '@umbra/core'
import {
  decodeVersion,
  HEAD,
  NAMESPACE,
  readLines,
} from '../../../r2/src/manifest/simulated-manifest.fixture.ts'
import type { OutboxWorld } from './outbox-world.fixture.ts'
import type { OutboxOperation } from './simulated-outbox.fixture.ts'

/**
 * Compares what the application was told with what the store holds: everything that `checkRecordHistory` compares with a
 * sequential machine, where a pending operation is one that may happen once, later; and that every pending one has
 * happened or is listed, never both, and that each file's operations happened in the order they were queued in.
 */
export async function checkOutbox(
  result: SimulationResult<OutboxOperation>,
  world: OutboxWorld,
): Promise<readonly Violation[]> {
  const found = await checkRecordHistory(result, {
    headKey: HEAD,
    decode: ({ bytes }, store) => decodeVersion(bytes, store),
  })
  // A history that went wrong is explained by its own violation.
  if (result.violations.length > 0) return found
  const applied = appliedContents(result)
  return [
    ...found,
    ...checkDrained(world),
    ...checkRenames(world),
    ...checkReasons(world),
    ...checkAccounted(result, world, applied),
    ...checkOrder(world, applied),
  ]
}

/** The place of each content in the order in which everything was first written. */
function appliedContents({ store }: SimulationResult<OutboxOperation>): ReadonlyMap<string, number> {
  const places = new Map<string, number>()
  const read = new Set<string>()
  const note = ({ op, text }: ManifestEntry) => {
    if (op === 'put' && !places.has(text)) places.set(text, places.size)
  }
  for (const { kind, bytes } of store.history(HEAD)) {
    if (kind === 'deleted') continue
    const { parts, tail } = parseHead(bytes, NAMESPACE)
    // What is sealed in the same commit is never in a tail. Runs are in another order, and hold nothing new.
    for (const { key } of parts) {
      if (!key.includes('/s/') || read.has(key)) continue
      read.add(key)
      readLines(store, key).forEach(note)
    }
    for (const { entry } of tail) note(entry)
  }
  return places
}

function checkDrained({ undrained }: OutboxWorld): readonly Violation[] {
  if (undrained === 0) return []
  return [{ property: 'never-ended', message: `${undrained} operations were never sent` }]
}

/** A name that was not somebody else's need not be given up: what was sent under it is told apart best under it. */
function checkRenames({ renames, copies }: OutboxWorld): readonly Violation[] {
  if (renames === 0 || copies > 0) return []
  return [{ property: 'defect', message: `a file that nobody copied was taken for a copy ${renames} times` }]
}

/** Another write was first, or the store can never take it: nothing else is a reason to give a write up. */
const REASONS: ReadonlySet<string> = new Set([
  'PRECONDITION_FAILED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'TOO_LARGE',
])

function checkReasons({ refused }: OutboxWorld): readonly Violation[] {
  return refused.flatMap(({ contents, code }): readonly Violation[] =>
    REASONS.has(code)
      ? []
      : [{ property: 'defect', message: `${contents.join()} is listed as refused for no reason: ${code}` }],
  )
}

function checkAccounted(
  { operations }: SimulationResult<OutboxOperation>,
  world: OutboxWorld,
  applied: ReadonlyMap<string, number>,
): readonly Violation[] {
  const listed = new Set(world.refused.flatMap(({ opId, contents }) => [...contents, labelOf(world, opId)]))
  return operations.flatMap(({ label, writes, outcome }): readonly Violation[] => {
    const isApplied = applied.has(label)
    if (isApplied && listed.has(label) && world.copies === 0)
      return [{ property: 'rejected-yet-applied', message: `${label} is listed as refused, and happened` }]
    if (outcome === 'committed' && listed.has(label) && world.copies === 0)
      return [
        { property: 'rejected-yet-applied', message: `${label} is listed as refused, and was acknowledged` },
      ]
    const mustShow = world.pending.has(label) && !world.mayBeLost.has(label)
    const leavesTrace = writes.some(({ content }) => content !== null)
    if (!mustShow || !leavesTrace || isApplied || listed.has(label)) return []
    return [
      {
        property: 'acknowledged-yet-absent',
        message: `${label} was pending, never happened and is not listed`,
      },
    ]
  })
}

function labelOf({ queued }: OutboxWorld, opId: string): string {
  return queued.find((one) => one.opId === opId)?.label ?? ''
}

function checkOrder(world: OutboxWorld, applied: ReadonlyMap<string, number>): readonly Violation[] {
  return world.files.flatMap((file) => {
    const mine = world.queued
      .filter((one) => one.file === file && !world.mayBeLost.has(one.label) && applied.has(one.label))
      .toSorted((a, b) => a.pk - b.pk)
    return mine.flatMap(({ label }, index): readonly Violation[] => {
      const before = mine[index - 1]
      if (before === undefined || (applied.get(before.label) ?? 0) <= (applied.get(label) ?? 0)) return []
      return [
        { property: 'out-of-order', message: `${label} happened before ${before.label}, queued before it` },
      ]
    })
  })
}
