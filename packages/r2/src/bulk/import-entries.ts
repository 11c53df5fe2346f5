import { addSums, EMPTY_SUM, sumEntries } from '@umbra/core'
import type { LiveSum, ManifestEntry } from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import type { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import { storeRun } from './store-run.ts'
import type { RunContent } from './store-run.ts'

/**
 * Commits first revisions whose bodies are stored already and whose ids nobody has or had: one commit for each iterable.
 * For tools that know that, such as benchmarks; nothing checks it.
 */
export async function importEntries(
  { manifest, context }: { readonly manifest: NamespaceManifest; readonly context: ManifestContext },
  entries: AsyncIterable<ManifestEntry>,
): Promise<number> {
  const uploadedAt = new Date(context.clock.now()).toISOString()
  const content = new CountedEntries(entries)
  const part = await storeRun(manifest.namespace, content, context)
  await manifest.append({ part, revisions: new Map(), uploadedAt, checkedAt: undefined })
  return content.rows
}

class CountedEntries implements RunContent {
  readonly #entries: AsyncIterable<ManifestEntry>
  rows = 0
  sum: LiveSum = EMPTY_SUM

  constructor(entries: AsyncIterable<ManifestEntry>) {
    this.#entries = entries
  }

  async *entries(): AsyncGenerator<ManifestEntry, void, undefined> {
    for await (const entry of this.#entries) {
      this.rows++
      this.sum = addSums(this.sum, sumEntries([entry]))
      yield entry
    }
  }
}
