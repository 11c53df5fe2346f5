import { isUmbraError, UmbraError } from '../../errors/umbra-error.ts'
import type { DecodedVersion } from './record-timeline.ts'
import type { RecordOperation } from './record-operation.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { OperationCall, ProcessUnderTest, SimulatedSystem } from './simulated-system.ts'

export const HEAD = 'notes/head'

/** Ways to get it wrong that real systems have shipped. */
export type Mistake =
  /** After an unclear answer it looks at the head, does not find its own version, and applies the operation again. */
  | 'blind-rebase'
  /** Takes an unchanged head for proof that the write has failed. */
  | 'unchanged-means-failed'
  /** Nothing in the body says which version it is. */
  | 'no-version-in-body'
  /** Answers before the store has. */
  | 'early-acknowledgement'
  /** Writes the records of a batch one after the other. */
  | 'batch-in-pieces'
  /** Reads what it has seen last. */
  | 'cached-read'
  /** Sends no condition. */
  | 'no-condition'
  /** Never stops when it does not know. */
  | 'waits-forever'

interface Note {
  readonly rev: number
  readonly content: string
}

interface Head {
  readonly seq: number
  readonly prev: string | null
  /** Unique to this body. */
  readonly commit: string
  /** The last commit of each writer. */
  readonly writers: Readonly<Record<string, string>>
  readonly notes: Readonly<Record<string, Note>>
}

interface Base {
  readonly head: Head
  readonly etag: string | undefined
}

interface Sent {
  readonly base: Base
  readonly body: Uint8Array
  readonly commit: string
}

type Change = (notes: Readonly<Record<string, Note>>) => Readonly<Record<string, Note>>

const EMPTY: Base = { head: { seq: 0, prev: null, commit: '', writers: {}, notes: {} }, etag: undefined }
const PATIENCE_MS = 60_000

/** Notes in one object, changed by compare-and-swap: the smallest system that keeps every promise, unless told not to. */
export function createToySystem(mistake?: Mistake): SimulatedSystem<RecordOperation> {
  return { start: (process) => new ToyProcess(process, mistake) }
}

export function decodeToyHead(bytes: Uint8Array): DecodedVersion {
  const head = parseHead(bytes)
  return {
    seq: head.seq,
    prevEtag: head.prev ?? undefined,
    epoch: 'toy',
    records: new Map(Object.entries(head.notes)),
  }
}

class ToyProcess implements ProcessUnderTest<RecordOperation> {
  readonly #process: SimulatedProcess
  readonly #mistake: Mistake | undefined
  readonly #seen = new Map<string, string | null>()
  #cached: Base = EMPTY
  #turn: Promise<unknown> = Promise.resolve()
  #unsettled: Sent | undefined

  constructor(process: SimulatedProcess, mistake: Mistake | undefined) {
    this.#process = process
    this.#mistake = mistake
  }

  async perform(operation: RecordOperation, call: OperationCall): Promise<unknown> {
    switch (operation.kind) {
      case 'create':
        return this.#create([operation.id], call)
      case 'batch':
        return this.#create(operation.ids, call)
      case 'update': {
        const over = operation.over === 'any' ? undefined : (this.#seen.get(operation.id) ?? null)
        call.willWrite({ id: operation.id, content: call.label, over })
        return this.#inTurn((notes) => {
          const note = notes[operation.id]
          if (note === undefined) throw new UmbraError('NOT_FOUND', 'there is no such note')
          if (over !== undefined && note.content !== over)
            throw new UmbraError('PRECONDITION_FAILED', 'somebody else wrote first')
          return { ...notes, [operation.id]: { rev: note.rev + 1, content: call.label } }
        })
      }
      case 'delete':
        call.willWrite({ id: operation.id, content: null })
        return this.#inTurn((notes) => {
          if (notes[operation.id] === undefined) throw new UmbraError('NOT_FOUND', 'there is no such note')
          return Object.fromEntries(Object.entries(notes).filter(([id]) => id !== operation.id))
        })
      case 'read':
      case 'read-all':
        return this.#read(operation.kind === 'read' ? operation.id : undefined, call)
      default:
        return undefined
    }
  }

  async #create(ids: readonly string[], call: OperationCall): Promise<void> {
    call.willWrite(...ids.map((id) => ({ id, content: call.label, over: null })))
    const groups = this.#mistake === 'batch-in-pieces' ? ids.map((id) => [id]) : [ids]
    for (const group of groups) {
      await this.#inTurn((notes) => {
        if (group.some((id) => notes[id] !== undefined))
          throw new UmbraError('ALREADY_EXISTS', 'the id is taken')
        const created = group.map((id): [string, Note] => [id, { rev: 1, content: call.label }])
        return { ...notes, ...Object.fromEntries(created) }
      })
    }
  }

  async #read(id: string | undefined, call: OperationCall): Promise<void> {
    const { head } =
      this.#mistake === 'cached-read' && this.#cached.etag !== undefined ? this.#cached : await this.#fetch()
    const ids = id === undefined ? Object.keys(head.notes) : [id]
    const records = new Map(ids.map((id) => [id, head.notes[id]?.content ?? null]))
    for (const [id, content] of records) this.#seen.set(id, content)
    call.didRead({
      records,
      scope: id === undefined ? 'all' : 'these',
      ...(head.seq > 0 && { seq: head.seq }),
    })
  }

  /** One commit at a time: two in flight could not be told apart by their writer's last commit. */
  #inTurn(change: Change): Promise<void> {
    const result = this.#turn.then(() => this.#commit(change))
    this.#turn = result.catch(() => undefined)
    return this.#mistake === 'early-acknowledgement' ? Promise.resolve() : result
  }

  async #commit(change: Change): Promise<void> {
    await this.#settleEarlier()
    for (;;) {
      const base = await this.#fetch()
      const { clock, ids, name } = this.#process
      const commit = ids.next(clock.now())
      const numbered: Head = {
        seq: base.head.seq + 1,
        prev: base.etag ?? null,
        commit,
        writers: { ...base.head.writers, [name]: commit },
        notes: change(base.head.notes),
      }
      const head = this.#mistake === 'no-version-in-body' ? { notes: numbered.notes } : numbered
      const body = new TextEncoder().encode(JSON.stringify(head))
      if (await this.#publish(base, body, commit)) return
    }
  }

  /** Whether it has landed. Rejects when that is not known after a while. */
  async #publish(base: Base, body: Uint8Array, commit: string): Promise<boolean> {
    const { clock, objects, ids } = this.#process
    const condition = base.etag === undefined ? { ifNoneMatch: '*' as const } : { ifMatch: base.etag }
    const deadline = clock.now() + PATIENCE_MS
    for (;;) {
      try {
        await objects.put(HEAD, body, this.#mistake === 'no-condition' ? {} : condition)
        return true
      } catch (error) {
        if (!isUmbraError(error)) throw error
        // Even a refusal proves nothing: it may be the answer to a second copy of the request.
        const now = await this.#look({ base, body, commit })
        if (now.etag !== base.etag) {
          if (this.#mistake === 'blind-rebase') return false
          return now.head.writers[this.#process.name] === commit
        }
        if (this.#mistake === 'unchanged-means-failed') throw error
        if (this.#mistake === 'waits-forever') await new Promise(() => undefined)
        if (clock.now() >= deadline) {
          this.#unsettled = { base, body, commit }
          throw new UmbraError('OUTCOME_PENDING', 'nobody knows', { cause: error })
        }
      }
      await clock.sleep(500 + 500 * ids.random())
    }
  }

  /** A head that cannot be read proves nothing of a write that may have landed. */
  async #look(sent: Sent): Promise<Base> {
    try {
      return await this.#fetch()
    } catch (cause) {
      this.#unsettled = sent
      throw new UmbraError('OUTCOME_PENDING', 'nobody knows', { cause })
    }
  }

  async #settleEarlier(): Promise<void> {
    const held = this.#unsettled
    if (held === undefined) return
    try {
      await this.#publish(held.base, held.body, held.commit)
    } catch (cause) {
      throw new UmbraError('UNAVAILABLE', 'an earlier write is not settled', { cause })
    }
    this.#unsettled = undefined
  }

  async #fetch(): Promise<Base> {
    const { objects, clock } = this.#process
    for (let attempt = 1; ; attempt++) {
      try {
        const found = await objects.get(HEAD)
        if (found?.kind !== 'found') return (this.#cached = EMPTY)
        this.#cached = { head: parseHead(await found.bytes()), etag: found.etag }
        return this.#cached
      } catch (error) {
        if (attempt === 10 || !isUmbraError(error) || !error.retryable) throw error
        await clock.sleep(200)
      }
    }
  }
}

function parseHead(bytes: Uint8Array): Head {
  const head: unknown = JSON.parse(new TextDecoder().decode(bytes))
  // Only this system writes it.
  return { ...EMPTY.head, ...(head as Partial<Head>) }
}
