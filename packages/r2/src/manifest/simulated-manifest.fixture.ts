import { createMemoryBody, headKey, parseHead, recordEtag, sumEntries, UmbraError } from '@umbra/core'
import type { Expectation, IdSource, ManifestEntry, Mutation, ObjectStore, PutMutation } from '@umbra/core'
import type {
  DecodedVersion,
  HeadLink,
  OperationCall,
  ProcessUnderTest,
  RecordOperation,
  SimulatedProcess,
  StoreHistory,
} from '@umbra/core/testing'
import pLimit from 'p-limit'
import { createMaintenance } from '../maintenance/create-maintenance.ts'
import type { ManifestLimits } from './manifest-limits.ts'
import { MANIFEST_LIMITS } from './manifest-limits.ts'
import { createMemoryParts } from './memory-parts.fixture.ts'
import { NamespaceManifest } from './namespace-manifest.ts'
import { createNumberedWriter } from './numbered-writer.fixture.ts'
import { PROTOCOL_RULES } from './protocol-rules.ts'
import type { ProtocolRules } from './protocol-rules.ts'
import type { RunFormat } from './run-format.ts'
import { createSegmentReader } from './segment-reader.ts'
import type { Snapshot } from './snapshot.ts'

export const NAMESPACE = { module: 'm', userId: 'u' }
export const HEAD = headKey(NAMESPACE)

/**
 * What a simulated process does besides reading and writing records. `wait`: lets everything that is timed by age come due.
 * `lose-head`: an operator deletes the head by hand, a minute after whatever happened before.
 */
export type Upkeep = 'compact' | 'collect' | 'wait' | 'lose-head'
export type SimulatedOperation = RecordOperation<Upkeep>

export interface SimulatedManifestOptions {
  readonly limits?: Partial<ManifestLimits>
  readonly rules?: Partial<ProtocolRules>
  readonly headIntervalMs?: number
  /** Between the engine and the store. */
  readonly decorate?: (objects: ObjectStore) => ObjectStore
  /** Between the engine and its runs. */
  readonly runs?: (runs: RunFormat) => RunFormat
  /** Where the engine's ids come from, given those of its process. */
  readonly ids?: (ids: IdSource) => IdSource
  /** Says of every new record that nobody else can have its id, whether or not that is true. */
  readonly freshIds?: true
  /** Whether its writes are counted by itself, as those of an outbox are. */
  readonly isNumbered?: true
  /** What the application is told instead of a failure. */
  readonly report?: (error: unknown) => unknown
}

/** Bounds so small that a few operations meet every rule. */
export const SMALL_LIMITS: ManifestLimits = {
  ...MANIFEST_LIMITS,
  tailLines: 2,
  overfull: 2,
  fanOut: 2,
  maxParts: 4,
  groupSize: 6,
}

/** The engine as a process of a simulation: everything of it but the parts' files, which are in memory. */
export function startManifest(
  process: SimulatedProcess,
  options: SimulatedManifestOptions = {},
): ProcessUnderTest<SimulatedOperation> {
  const { clock } = process
  const objects = options.decorate?.(process.objects) ?? process.objects
  const ids = options.ids?.(process.ids) ?? process.ids
  const retry = {
    policy: { maxAttempts: 5, baseDelayMs: 50, maxDelayMs: 5_000 },
    clock,
    random: ids.random,
  }
  const parts = createMemoryParts()
  const limits = { ...SMALL_LIMITS, ...options.limits }
  const context = {
    objects,
    clock,
    nextTurn: () => clock.sleep(0),
    ids,
    retry,
    uploadLimit: pLimit(64),
    headIntervalMs: options.headIntervalMs ?? 1_000,
    commitTimeoutMs: 30_000,
    ...parts,
    runs: options.runs?.(parts.runs) ?? parts.runs,
    segments: createSegmentReader({ ...parts, objects, retry }),
    limits,
    rules: { ...PROTOCOL_RULES, ...options.rules },
    onUpkeepFailure: () => {},
  }
  const manifest = new NamespaceManifest(NAMESPACE, context)
  const commit =
    options.isNumbered === undefined
      ? (mutations: readonly Mutation[]) => manifest.commit(mutations)
      : createNumberedWriter(manifest, { ids, now: () => clock.now() })
  const maintenance = createMaintenance(() => manifest, context)
  /** What this process last read or wrote of each record. */
  const seen = new Map<string, ManifestEntry>()

  async function readAll(): Promise<{ readonly records: Map<string, string>; readonly seq: number }> {
    const read = await manifest.read(async (snapshot) => ({
      entries: await liveEntries(snapshot),
      seq: snapshot.version.head.header.seq,
    }))
    seen.clear()
    for (const entry of read?.entries ?? []) seen.set(entry.id, entry)
    return { records: new Map(read?.entries.map(({ id, text }) => [id, text])), seq: read?.seq ?? 0 }
  }

  async function write(...mutations: readonly Mutation[]): Promise<void> {
    const committed = await commit(mutations).catch((error: unknown) => {
      throw options.report?.(error) ?? error
    })
    for (const entry of committed) {
      if (entry.op === 'put') seen.set(entry.id, entry)
      else seen.delete(entry.id)
    }
  }

  async function change(
    operation: Extract<SimulatedOperation, { kind: 'update' | 'delete' }>,
    call: OperationCall,
  ) {
    const { id, kind } = operation
    if (kind === 'delete' || operation.over === 'any' || !seen.has(id)) await readAll()
    const entry = seen.get(id)
    if (entry === undefined) throw new UmbraError('NOT_FOUND', `no such record. id=${id}`)
    call.willWrite({ id, content: kind === 'delete' ? null : call.label, over: entry.text })
    const expect = { kind: 'etag', etag: recordEtag(entry) } as const
    const at = new Date(clock.now()).toISOString()
    await write(kind === 'delete' ? { kind: 'delete', id, expect, at } : put(id, call.label, expect))
  }

  function create(id: string, text: string): Mutation {
    const mutation = put(id, text, { kind: 'absent' })
    return options.freshIds === undefined ? mutation : { ...mutation, freshId: true }
  }

  async function maintain(task: Upkeep): Promise<void> {
    if (task === 'compact') await maintenance.compact(NAMESPACE)
    else if (task === 'collect') await maintenance.collect(NAMESPACE)
    else if (task === 'lose-head') await loseHead(process)
    else await clock.sleep(limits.clockSkewMs + limits.graceMs + context.commitTimeoutMs)
  }

  return {
    async perform(operation, call) {
      switch (operation.kind) {
        case 'create':
          call.willWrite({ id: operation.id, content: call.label, over: null })
          return write(create(operation.id, call.label))
        case 'batch':
          call.willWrite(...operation.ids.map((id) => ({ id, content: call.label, over: null })))
          return write(...operation.ids.map((id) => create(id, call.label)))
        case 'update':
        case 'delete':
          return change(operation, call)
        case 'read': {
          const found = await manifest.read((snapshot) => snapshot.lookupOne(operation.id))
          const content = found?.op === 'put' ? found.text : null
          return call.didRead({ scope: 'these', records: new Map([[operation.id, content]]) })
        }
        case 'read-all':
          return call.didRead({ scope: 'all', ...(await readAll()) })
        case 'maintain':
          return maintain(operation.task)
        default:
          return operation satisfies never
      }
    },
    // As the backend does when it closes: best effort.
    stop: () => manifest.finish().catch(() => undefined),
  }
}

async function loseHead({ objects, clock }: SimulatedProcess): Promise<void> {
  if ((await objects.head(HEAD)) === undefined) return
  await clock.sleep(60_000)
  await objects.delete(HEAD)
}

function put(id: string, text: string, expect: Expectation): PutMutation {
  const body = createMemoryBody(new TextEncoder().encode(text))
  return {
    kind: 'put',
    body,
    expect,
    draft: {
      id,
      module: NAMESPACE.module,
      user_id: NAMESPACE.userId,
      timestamp: '2026-01-01T00:00:00.000Z',
      data_type: 'json',
      size: body.size,
      metadata: {},
      sha256: body.sha256,
      record_count: null,
      text,
    },
  }
}

async function liveEntries(snapshot: Snapshot): Promise<ManifestEntry[]> {
  const ids = ['a', 'b', 'c', 'd']
  const found = await snapshot.lookup(ids)
  return [...found.values()].filter(({ op }) => op === 'put')
}

export interface DecodedHead extends DecodedVersion {
  /** Whether the number and the sum that it states are those of its records, counted anew. */
  readonly isCounted: boolean
}

/** All that a version of the head says, read with what it refers to, as the store had it. */
export function decodeVersion(bytes: Uint8Array, store: StoreHistory): DecodedHead {
  const { header, parts, tail } = parseHead(bytes, NAMESPACE)
  const current = new Map<string, ManifestEntry>()
  for (const { key } of parts) for (const entry of readLines(store, key)) current.set(entry.id, entry)
  for (const { entry } of tail) current.set(entry.id, entry)
  const live = [...current.values()].filter(({ op }) => op === 'put')
  return {
    seq: header.seq,
    prevEtag: header.prev?.etag,
    epoch: header.epoch,
    records: new Map(live.map(({ id, rev, text }) => [id, { rev, content: text }])),
    references: [...live.map(({ key }) => key), ...parts.map(({ key }) => key)],
    isCounted: header.live === live.length && header.sum === sumEntries(live),
  }
}

/** The entries in a part, as the store had it. */
export function readLines(store: StoreHistory, key: string): ManifestEntry[] {
  const bytes = store.history(key).find(({ kind }) => kind === 'object')?.bytes
  const text = Buffer.from(bytes ?? new Uint8Array())
    .toString()
    .trimEnd()
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as ManifestEntry)
}

/** A version's place in the chain of heads: cheap enough to look at every one. */
export function decodeLink(bytes: Uint8Array): HeadLink {
  const { header } = parseHead(bytes, NAMESPACE)
  return { seq: header.seq, prevEtag: header.prev?.etag, epoch: header.epoch }
}
