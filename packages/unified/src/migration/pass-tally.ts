import type { ManifestEntry, Namespace } from '@umbra/core'
import type { SettledDecision } from './decide-record.ts'
import { NO_COUNTS } from './migration-report.ts'
import type { MigrationCounts, MigrationFinding } from './migration-report.ts'

/** What one pass over one namespace found and did. */
export class PassTally {
  readonly namespace: Namespace
  readonly findings: MigrationFinding[] = []
  deleted = 0
  /** Changed while they were looked at: there must be another pass. */
  moved = 0
  readonly #noted = { ...NO_COUNTS }

  constructor(namespace: Namespace) {
    this.namespace = namespace
  }

  get counts(): MigrationCounts {
    return { ...this.#noted, deleted: this.deleted }
  }

  /** Whether the two sides were alike, as far as they can be made so. */
  get settled(): boolean {
    return this.#noted.copied === 0 && this.deleted === 0 && this.moved === 0
  }

  /** @returns the bytes of their bodies */
  copied(entries: readonly ManifestEntry[]): number {
    const bytes = entries.reduce((sum, { size }) => sum + size, 0)
    this.#noted.copied += entries.length
    this.#noted.bytes += bytes
    return bytes
  }

  note(entry: ManifestEntry, decision: SettledDecision): void {
    if (decision !== 'conflict' && decision !== 'reused' && decision !== 'diverged') {
      this.#noted[decision]++
      return
    }
    this.#noted.conflicts++
    const reason = reasonOf(decision, entry)
    this.findings.push({ kind: 'conflict', namespace: this.namespace, id: entry.id, reason })
  }

  unconvertible({ id }: ManifestEntry, reason: string): void {
    this.#noted.unconvertible++
    this.findings.push({ kind: 'unconvertible', namespace: this.namespace, id, reason })
  }
}

function reasonOf(decision: 'conflict' | 'reused' | 'diverged', { rev }: ManifestEntry): string {
  switch (decision) {
    case 'conflict':
      return `revision ${rev} is in both, with different content`
    case 'reused':
      return 'the other side deleted another record of this id; change this one until its revision is higher, or store it under another id'
    case 'diverged':
      return 'sqlite and r2 have both changed what they had in common, or one has changed what the other deleted; what is next stored through hybrid replaces both (STORAGE_BACKEND=sqlite umbra get shows what sqlite has)'
    default:
      return decision satisfies never
  }
}
