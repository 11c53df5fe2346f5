import { createMemoryBody, InFlight, recordEtag, UmbraError } from '@umbra/core'
import type { Expectation, ManifestEntry, Mutation, PutMutation } from '@umbra/core'
import type { OperationCall, ProcessUnderTest, RecordOperation, SimulatedProcess } from '@umbra/core/testing'
import { NAMESPACE } from '../../../r2/src/manifest/simulated-manifest.fixture.ts'
import { drainWorld } from './drain-world.fixture.ts'
import { openSimulatedOutbox, rootOf } from './open-simulated-outbox.fixture.ts'
import type { OutboxSeams, SimulatedOutbox } from './open-simulated-outbox.fixture.ts'
import type { OutboxFile, OutboxWorld } from './outbox-world.fixture.ts'

/**
 * `wait`: time passes, so that what is pending is sent. `clone`: from here on there are two files with the same content, and
 * the application uses both in turn. `back-up`, `restore`: of its first file. `kill-<n>`: dies at the n-th SQL statement
 * from here. `drain`: everything that is in any file is sent, and what is listed is written down.
 */
export type OutboxTask = 'wait' | 'clone' | 'back-up' | 'restore' | 'drain' | `kill-${number}`
export type OutboxOperation = RecordOperation<OutboxTask>

const WAIT_MS = 60_000

export interface SimulatedOutboxOptions {
  readonly seams?: OutboxSeams
  /** All processes use one file. Default: each has its own. */
  readonly sharesFile?: true
  /** How long what the others have left may take to be sent, milliseconds. Default: an hour. */
  readonly drainMs?: number
  /** Ids are minted: every record gets one of its own. */
  readonly freshIds?: true
}

/** One application process; `last` is the one that drains what the others have left. */
export async function startOutbox(
  process: SimulatedProcess,
  world: OutboxWorld,
  options: SimulatedOutboxOptions = {},
): Promise<ProcessUnderTest<OutboxOperation>> {
  const application = new OutboxApplication(process, world, options)
  await application.open()
  return application
}

class OutboxApplication implements ProcessUnderTest<OutboxOperation> {
  readonly #process: SimulatedProcess
  readonly #world: OutboxWorld
  readonly #options: SimulatedOutboxOptions
  readonly #files: OutboxFile[]
  #opened: SimulatedOutbox[] = []
  /** What this process last read or wrote of each record. */
  readonly #seen = new Map<string, ManifestEntry>()
  readonly #calls = new InFlight()
  #turns = 0

  constructor(process: SimulatedProcess, world: OutboxWorld, options: SimulatedOutboxOptions) {
    this.#process = process
    this.#world = world
    this.#options = options
    this.#files = world.filesOf(options.sharesFile === true ? 'all' : rootOf(process))
  }

  async open(): Promise<void> {
    this.#world.begin(rootOf(this.#process))
    if (this.#process.name === 'last') return
    if (this.#files.length === 0) this.#files.push(this.#world.file())
    for (const file of this.#files) this.#opened.push(await this.#open(file))
  }

  async stop(): Promise<void> {
    for (const { backend } of this.#opened) await backend.close()
  }

  async perform(operation: OutboxOperation, call: OperationCall): Promise<void> {
    switch (operation.kind) {
      case 'create':
        return this.#create([operation.id], call)
      case 'batch':
        return this.#create(operation.ids, call)
      case 'update':
      case 'delete':
        return this.#change(operation, call)
      case 'maintain':
        return this.#do(operation.task)
      default:
        throw new UmbraError('UNSUPPORTED', 'reads are checked elsewhere')
    }
  }

  async #create(ids: readonly string[], call: OperationCall): Promise<void> {
    const isFresh = this.#options.freshIds === true
    const own = isFresh ? ids.map((id) => `${id}-${call.label}`) : ids
    call.willWrite(...own.map((id) => ({ id, content: call.label, over: null })))
    const puts = own.map((id): Mutation => {
      const mutation = put(id, call.label, { kind: 'absent' })
      return isFresh ? { ...mutation, freshId: true } : mutation
    })
    // The record that others mean when they say `a`.
    await this.#write(puts, call, ids)
  }

  async #change(
    { kind, id, ...how }: Extract<OutboxOperation, { kind: 'update' | 'delete' }>,
    call: OperationCall,
  ): Promise<void> {
    const readsFirst = kind === 'delete' || ('over' in how && how.over === 'any')
    const known = this.#seen.get(id)
    const entry = readsFirst || known === undefined ? await this.#read(known?.id ?? id) : known
    if (entry === undefined) throw new UmbraError('NOT_FOUND', `no such record. id=${id}`)
    call.willWrite({ id: entry.id, content: kind === 'delete' ? null : call.label, over: entry.text })
    const expect = { kind: 'etag', etag: recordEtag(entry) } as const
    const at = new Date(this.#process.clock.now()).toISOString()
    const mutation: Mutation =
      kind === 'delete' ? { kind, id: entry.id, expect, at } : put(entry.id, call.label, expect)
    await this.#write([mutation], call, [id])
  }

  async #read(id: string): Promise<ManifestEntry | undefined> {
    const { backend } = this.#next()
    return (await this.#calls.track(backend.getEntry(NAMESPACE, id)))?.entry
  }

  async #write(mutations: readonly Mutation[], call: OperationCall, names: readonly string[]): Promise<void> {
    this.#world.labels.set(mutations, call.label)
    const { backend } = this.#next()
    const stored = await this.#calls.track(backend.commit(NAMESPACE, mutations))
    for (const [index, { entry }] of stored.entries()) {
      const name = names[index] ?? entry.id
      if (entry.op === 'put') this.#seen.set(name, entry)
      else this.#seen.delete(name)
    }
    if (!stored.some(({ pending }) => pending)) return
    this.#world.pending.add(call.label)
    throw new UmbraError('OUTCOME_PENDING', 'it is pending')
  }

  /** With two files, one after the other. */
  #next(): SimulatedOutbox {
    const one = this.#opened[this.#turns++ % this.#opened.length]
    if (one === undefined) throw new UmbraError('UNAVAILABLE', 'the only file is being put back')
    return one
  }

  async #do(task: OutboxTask): Promise<void> {
    const [first] = this.#opened
    if (task === 'drain') return drainWorld(this.#process, { ...this.#options, world: this.#world })
    if (task === 'wait' || first === undefined) return this.#process.clock.sleep(WAIT_MS)
    if (task === 'back-up') return this.#world.backUp(first.file)
    if (task === 'restore') return this.#restore(first)
    if (task === 'clone') return this.#clone(first)
    first.trace.killAt(Number(task.slice('kill-'.length)))
  }

  async #clone({ file }: SimulatedOutbox): Promise<void> {
    const copy = this.#world.clone(file)
    this.#files.push(copy)
    this.#opened.push(await this.#open(copy))
  }

  async #restore({ file, backend }: SimulatedOutbox): Promise<void> {
    if (file.backup === undefined) return
    const [, ...others] = this.#opened
    this.#opened = others
    // As a storage manager does before it closes its backend.
    await this.#calls.settled()
    await backend.close()
    this.#world.restore(file)
    this.#opened = [await this.#open(file), ...others]
  }

  #open(file: OutboxFile): Promise<SimulatedOutbox> {
    const { seams } = this.#options
    return openSimulatedOutbox(this.#process, { world: this.#world, file, ...(seams && { seams }) })
  }
}

function put(id: string, text: string, expect: Expectation): PutMutation {
  const body = createMemoryBody(new TextEncoder().encode(text))
  const { module, userId } = NAMESPACE
  const timestamp = '2026-01-01T00:00:00.000Z'
  const { size, sha256 } = body
  const draft = {
    id,
    module,
    user_id: userId,
    timestamp,
    data_type: 'json',
    size,
    metadata: {},
    sha256,
    text,
  } as const
  return { kind: 'put', body, expect, draft: { ...draft, record_count: null } }
}
