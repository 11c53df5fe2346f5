import type { ManifestHead, ManifestLine } from './manifest-head.ts'
import type { GarbagePointer, PartPointer } from './part-pointer.ts'

/** A change of where entries are kept, not of what they say. It rides on the next version of the head. */
export type PartSwap = SealedTail | MergedParts

/** The beginning of the tail was copied to a segment. */
export interface SealedTail {
  readonly kind: 'seal'
  readonly lines: readonly ManifestLine[]
  readonly part: PartPointer
  /** When the part was stored: ISO 8601, UTC. */
  readonly uploadedAt: string
}

/** Neighbouring parts were merged into one run. */
export interface MergedParts {
  readonly kind: 'merge'
  /** Oldest first. */
  readonly inputs: readonly PartPointer[]
  /** Undefined when nothing remained. */
  readonly output: PartPointer | undefined
  /** Names the inputs and the bodies that only they referred to; its list continues `garbageBefore`. */
  readonly garbage: GarbagePointer
  readonly garbageBefore: GarbagePointer | undefined
  /** When the oldest of the new objects was stored: ISO 8601, UTC. */
  readonly uploadedAt: string
}

/** The head after the swap; undefined when what it replaces is not there any more: somebody else was faster. */
export function applySwap(head: ManifestHead, swap: PartSwap): ManifestHead | undefined {
  return swap.kind === 'seal' ? applySeal(head, swap) : applyMerge(head, swap)
}

function applySeal(head: ManifestHead, { lines, part }: SealedTail): ManifestHead | undefined {
  const unchanged = lines.every((line, index) => head.tail[index]?.text === line.text)
  if (!unchanged || lines.length === 0) return undefined
  return { ...head, parts: [...head.parts, part], tail: head.tail.slice(lines.length) }
}

function applyMerge(head: ManifestHead, swap: MergedParts): ManifestHead | undefined {
  const { inputs, output, garbage, garbageBefore } = swap
  const start = head.parts.findIndex(({ key }) => key === inputs[0]?.key)
  const unchanged = inputs.every((input, index) => head.parts[start + index]?.key === input.key)
  if (start === -1 || !unchanged || head.garbage?.key !== garbageBefore?.key) return undefined
  const parts = head.parts.toSpliced(start, inputs.length, ...(output === undefined ? [] : [output]))
  return { ...head, parts, garbage }
}
