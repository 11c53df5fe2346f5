import { createMemoryBody, headKey, namespacePath, parseHead, partsPrefix, recordEtag } from '@umbra/core'
import type { ManifestEntry, ManifestHead, Mutation, ObjectStore } from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import { MANIFEST_LIMITS } from '../manifest/manifest-limits.ts'
import { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import { createSimulatedContext } from '../manifest/simulated-context.fixture.ts'
import { createSimulatedStore } from '../manifest/simulated-store.fixture.ts'
import type { SimulatedStore } from '../manifest/simulated-store.fixture.ts'

export const NAMESPACE = { module: 'm', userId: 'u' }
export const HEAD = headKey(NAMESPACE)
export const PARTS = partsPrefix(NAMESPACE)
export const BODIES = `${namespacePath(NAMESPACE)}/`

/** So small that segments, runs and copies of the head exist after a dozen commits. */
const LIMITS = { ...MANIFEST_LIMITS, tailLines: 2, overfull: 2, fanOut: 2, maxParts: 4 }

/** Before the time for which tombstones are kept, so that merges drop those of then. */
export const LONG_AGO = '2025-11-01T00:00:00.000Z'

export interface HistoryStep {
  readonly kind: 'put' | 'delete'
  readonly id: number
}

export interface HistoryOptions {
  readonly store?: SimulatedStore
  /** When deletions say that they happened: ISO 8601, UTC. Default: as recently as everything else. */
  readonly deletedAt?: string
  /** Metadata of every record, to make lines long. */
  readonly note?: string
}

/** A namespace over a simulated store, and what must be in it. */
export interface History {
  readonly store: SimulatedStore
  /** The live entries, as they were acknowledged. */
  readonly model: ReadonlyMap<string, ManifestEntry>
  run(steps: readonly HistoryStep[]): Promise<void>
  readonly manifest: NamespaceManifest
}

export function contextOver(objects: ObjectStore, name: string): ManifestContext {
  return createSimulatedContext(objects, name, { limits: LIMITS })
}

export function startHistory({
  store = createSimulatedStore(() => 'none'),
  deletedAt = '2026-01-01T00:00:00.000Z',
  note = '',
}: HistoryOptions = {}): History {
  const manifest = new NamespaceManifest(NAMESPACE, contextOver(store, 'writer'))
  const model = new Map<string, ManifestEntry>()
  let count = 0
  return {
    store,
    model,
    manifest,
    async run(steps) {
      for (const step of steps) {
        const id = `r${step.id}`
        const current = model.get(id)
        if (step.kind === 'delete' && current === undefined) continue
        const [entry] = await manifest.commit([
          toMutation(step, id, { current, text: `text ${++count}`, deletedAt, note }),
        ])
        if (entry?.op === 'put') model.set(id, entry)
        else model.delete(id)
        await manifest.finish()
      }
    },
  }
}

/** Two dozen records in runs, segments and the tail; some updated, some deleted. */
export async function startRichHistory(options: HistoryOptions = {}): Promise<History> {
  const history = startHistory(options)
  const steps: HistoryStep[] = Array.from({ length: 24 }, (_, id) => ({ kind: 'put', id }))
  const changes: HistoryStep[] = [3, 11, 23].map((id) => ({ kind: 'put', id }))
  const deletions: HistoryStep[] = [4, 12].map((id) => ({ kind: 'delete', id }))
  await history.run([...steps, ...changes, ...deletions])
  return history
}

function toMutation(
  { kind }: HistoryStep,
  id: string,
  {
    current,
    text,
    deletedAt,
    note,
  }: {
    readonly current: ManifestEntry | undefined
    readonly text: string
    readonly deletedAt: string
    readonly note: string
  },
): Mutation {
  const etag = current === undefined ? '' : recordEtag(current)
  if (kind === 'delete') return { kind, id, expect: { kind: 'etag', etag }, at: deletedAt }
  const body = createMemoryBody(new TextEncoder().encode(JSON.stringify(text)))
  const draft = {
    id,
    module: NAMESPACE.module,
    user_id: NAMESPACE.userId,
    timestamp: '2026-01-01T00:00:00.000Z',
    data_type: 'json' as const,
    size: body.size,
    metadata: { text, note },
    sha256: body.sha256,
    record_count: null,
    text: `${id} ${text}`,
  }
  return { kind, draft, body, expect: current === undefined ? { kind: 'absent' } : { kind: 'etag', etag } }
}

export async function bytesAt(store: ObjectStore, key: string): Promise<Uint8Array> {
  const found = await store.get(key)
  return found?.kind === 'found' ? found.bytes() : new Uint8Array()
}

export async function headOf(store: ObjectStore): Promise<ManifestHead> {
  return parseHead(await bytesAt(store, HEAD), NAMESPACE)
}

export async function keysOf(store: ObjectStore, prefix = ''): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix, { partialPrefix: true })) keys.push(key)
  return keys
}

/** Every key and its ETag. */
export async function contentOf(store: ObjectStore): Promise<ReadonlyMap<string, string>> {
  const content = new Map<string, string>()
  for await (const { key, etag } of store.list('', { partialPrefix: true })) content.set(key, etag)
  return content
}

/** The live entries a process finds that never saw the namespace before. */
export async function liveEntries(store: ObjectStore): Promise<ReadonlyMap<string, ManifestEntry>> {
  const context = contextOver(store, 'reader')
  const manifest = new NamespaceManifest(NAMESPACE, context)
  const ids = Array.from({ length: 64 }, (_, id) => `r${id}`)
  const entries =
    (await manifest.read((snapshot) => snapshot.lookup(ids))) ?? new Map<string, ManifestEntry>()
  return new Map([...entries].filter(([, { op }]) => op === 'put'))
}
