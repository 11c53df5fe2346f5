import type { Namespace } from '@umbra/core'

/** What was written to the primary but is not known to be in the secondary: copied when next read or written. */
export interface CopyBacklog {
  add(keys: readonly string[], failure: unknown): void
  remove(keys: readonly string[]): void
  has(key: string): boolean
  /** What is wrong, for a person; undefined when nothing is. */
  problem(): string | undefined
}

/** The `code` of the process warning emitted when copying starts to fail. */
export const COPY_WARNING_CODE = 'UMBRA_HYBRID_COPY'

export function createCopyBacklog(): CopyBacklog {
  const behind = new Set<string>()
  let lastFailure = ''
  return {
    add(keys, failure) {
      lastFailure = failure instanceof Error ? failure.message : String(failure)
      if (behind.size === 0) {
        const message = `the write is in r2 but could not be copied to sqlite; see health(). ${lastFailure}`
        process.emitWarning(message, { type: 'UmbraWarning', code: COPY_WARNING_CODE })
      }
      for (const key of keys) behind.add(key)
    },
    remove(keys) {
      for (const key of keys) behind.delete(key)
    },
    has: (key) => behind.has(key),
    problem: () =>
      behind.size === 0
        ? undefined
        : `${behind.size} of the last writes are in r2 but not in sqlite; each is copied when it is next read or written. last failure: ${lastFailure}`,
  }
}

export function recordKey(namespace: Namespace, id: string): string {
  return JSON.stringify([namespace.module, namespace.userId, id])
}
