import type { IdSource, ManifestEntry, Mutation, NumberedOperation, WriterMark } from '@umbra/core'
import type { NamespaceManifest } from './namespace-manifest.ts'

interface Waiting {
  readonly operation: NumberedOperation
  readonly resolve: (entries: readonly ManifestEntry[]) => void
  readonly reject: (error: unknown) => void
}

/** Sends as an outbox does: one call at a time, with all that has come since the one before. */
export function createNumberedWriter(
  manifest: NamespaceManifest,
  { ids, now }: { readonly ids: IdSource; readonly now: () => number },
): (mutations: readonly Mutation[]) => Promise<readonly ManifestEntry[]> {
  const writer = ids.next(now())
  let mark: WriterMark | undefined
  let counted = 0
  let waiting: readonly Waiting[] = []
  let isSending = false

  async function send(): Promise<void> {
    isSending = true
    while (waiting.length > 0) {
      const sent = waiting
      try {
        const operations = sent.map(({ operation }) => operation)
        const result = await manifest.commitNumbered({ writer, mark, operations })
        mark = result.mark
        waiting = waiting.slice(result.outcomes.length)
        for (const [index, outcome] of result.outcomes.entries()) {
          if (outcome.kind === 'committed') sent[index]?.resolve(outcome.entries ?? [])
          else sent[index]?.reject(outcome.error)
        }
      } catch (error) {
        waiting = waiting.slice(sent.length)
        for (const { reject } of sent) reject(error)
      }
    }
    isSending = false
  }

  return (mutations) =>
    new Promise((resolve, reject) => {
      const operation = { n: ++counted, opId: ids.next(now()), queuedAt: now(), mutations }
      waiting = [...waiting, { operation, resolve, reject }]
      if (!isSending) void send()
    })
}
