import { describe, expect, it } from 'vitest'
import { UmbraError } from '../../errors/umbra-error.ts'
import { checkRecordHistory } from './check-record-history.ts'
import { ObjectHistory } from './object-history.ts'
import type { OperationRecord } from './operation-history.ts'
import type { DecodedVersion } from './record-timeline.ts'
import type { IntendedWrite, ObservedRead } from './simulated-system.ts'
import type { ViolatedProperty } from './violation.ts'

const HEAD = 'head'

type Notes = Readonly<Record<string, string>>

interface VersionOf {
  readonly at: number
  readonly notes: Notes
  readonly refs?: readonly string[]
  readonly seq?: number
  readonly prev?: string
  readonly rev?: number
}

type Told = Partial<OperationRecord<string>> & { readonly label: string }

const by = { process: 'p1', request: 1, operations: [] }

/** A history told by hand: versions at steps, and what the application was told. */
class Scene {
  readonly #store = new ObjectHistory()
  readonly #operations: OperationRecord<string>[] = []
  #seq = 0
  #prev: string | undefined

  version({ at, notes, refs = [], seq = this.#seq + 1, prev = this.#prev, rev = seq }: VersionOf): this {
    const content = { seq, prev, notes, refs, rev }
    this.#prev = this.#add(HEAD, at, JSON.stringify(content))
    this.#seq = seq
    return this
  }

  object(key: string, at: number): this {
    this.#add(key, at, key)
    return this
  }

  gone(key: string, at: number): this {
    this.#store.add(key, { ...stampOf(at), kind: 'deleted', bytes: new Uint8Array() })
    return this
  }

  told(operation: Told): this {
    this.#operations.push({
      process: 'p1',
      operation: '',
      startStep: 0,
      endStep: operation.outcome === 'unknown' ? Number.POSITIVE_INFINITY : 100,
      outcome: 'committed',
      writes: [],
      read: undefined,
      error: undefined,
      ...operation,
    })
    return this
  }

  async violations(graceMs = 0): Promise<readonly ViolatedProperty[]> {
    const result = {
      store: this.#store,
      operations: this.#operations,
      violations: [],
      story: [],
      steps: 100,
      elapsedMs: 100_000,
    }
    const found = await checkRecordHistory(result, {
      headKey: HEAD,
      decode: ({ bytes }) => decode(bytes),
      graceMs,
    })
    return found.map(({ property }) => property)
  }

  #add(key: string, at: number, text: string): string {
    const bytes = new TextEncoder().encode(text)
    return this.#store.add(key, { ...stampOf(at), kind: 'object', bytes }).etag
  }
}

function stampOf(step: number) {
  const none = { metadata: {}, contentType: undefined }
  return { ...none, step, atMs: step * 1_000, lastModified: new Date(0), by }
}

function decode(bytes: Uint8Array): DecodedVersion {
  // As the scene wrote it.
  const { seq, prev, notes, refs, rev } = JSON.parse(new TextDecoder().decode(bytes)) as {
    readonly seq: number
    readonly prev?: string
    readonly notes: Notes
    readonly refs: readonly string[]
    readonly rev: number
  }
  const records = new Map(Object.entries(notes).map(([id, content]) => [id, { rev, content }]))
  // Only what changes gets a new revision in these scenes, so revisions by content keep the rest as it was.
  for (const [id, content] of Object.entries(notes)) {
    records.set(id, { content, rev: Number(/\d+$/.exec(content)?.[0] ?? rev) })
  }
  return { seq, prevEtag: prev, epoch: 'e', records, references: refs }
}

const put = (id: string, content: string, over?: string | null): IntendedWrite => ({ id, content, over })
const del = (id: string, over?: string): IntendedWrite => ({ id, content: null, over })
const all = (notes: Notes, more: Partial<ObservedRead> = {}): ObservedRead => ({
  records: new Map(Object.entries(notes)),
  scope: 'all',
  ...more,
})

describe('checkRecordHistory', () => {
  it('finds nothing in a history of one thing after the other', async () => {
    const scene = new Scene()
      .told({ label: 'a', writes: [put('x', 'x1', null)], endStep: 3 })
      .version({ at: 2, notes: { x: 'x1' } })
      .told({ label: 'b', startStep: 3, endStep: 5, writes: [put('x', 'x2', 'x1')] })
      .version({ at: 4, notes: { x: 'x2' } })
      .told({ label: 'c', startStep: 5, endStep: 6, read: all({ x: 'x2' }, { seq: 2 }) })
      .told({ label: 'd', startStep: 6, endStep: 9, writes: [del('x', 'x2')] })
      .version({ at: 8, notes: {} })
      .told({ label: 'e', startStep: 9, endStep: 10, read: all({}) })
    expect(await scene.violations()).toEqual([])
  })

  it('lets an operation of unknown outcome happen later, or never', async () => {
    const scene = new Scene()
      .told({ label: 'a', writes: [put('x', 'x1', null)], outcome: 'unknown' })
      .told({ label: 'b', writes: [put('y', 'y1', null)], outcome: 'unknown' })
      .version({ at: 99, notes: { x: 'x1' } })
    expect(await scene.violations()).toEqual([])
  })

  it.each<[ViolatedProperty, string, Scene]>([
    ['unexplained-change', 'content that nobody wrote', new Scene().version({ at: 1, notes: { x: 'x1' } })],
    [
      'unexplained-change',
      'a record that vanishes',
      new Scene()
        .told({ label: 'a', writes: [put('x', 'x1', null)] })
        .version({ at: 1, notes: { x: 'x1' } })
        .version({ at: 2, notes: {} }),
    ],
    [
      'rejected-yet-applied',
      'a rejected creation',
      new Scene()
        .told({
          label: 'a',
          writes: [put('x', 'x1', null)],
          outcome: 'rejected',
          error: new UmbraError('TIMEOUT', ''),
        })
        .version({ at: 200, notes: { x: 'x1' } }),
    ],
    [
      'rejected-yet-applied',
      'a rejected deletion',
      new Scene()
        .told({ label: 'a', writes: [put('x', 'x1', null)], endStep: 2 })
        .version({ at: 1, notes: { x: 'x1' } })
        .told({
          label: 'b',
          startStep: 2,
          writes: [del('x')],
          outcome: 'rejected',
          error: new UmbraError('TIMEOUT', ''),
        })
        .version({ at: 5, notes: {} }),
    ],
    [
      'applied-twice',
      'a deleted record that is back',
      new Scene()
        .told({ label: 'a', writes: [put('x', 'x1', null)], outcome: 'unknown' })
        .told({ label: 'b', writes: [del('x')] })
        .version({ at: 1, notes: { x: 'x1' } })
        .version({ at: 2, notes: {} })
        .version({ at: 3, notes: { x: 'x1' } }),
    ],
    [
      'acknowledged-yet-absent',
      'an acknowledged write that no version shows',
      new Scene().told({ label: 'a', writes: [put('x', 'x1', null)] }),
    ],
    [
      'acknowledged-yet-absent',
      'a write that is there only after its acknowledgement',
      new Scene()
        .told({ label: 'a', writes: [put('x', 'x1', null)], endStep: 3 })
        .version({ at: 4, notes: { x: 'x1' } }),
    ],
    [
      'acknowledged-yet-absent',
      'two acknowledged deletions of what was there once',
      new Scene()
        .told({ label: 'a', writes: [put('x', 'x1', null)] })
        .version({ at: 1, notes: { x: 'x1' } })
        .told({ label: 'b', writes: [del('x')] })
        .told({ label: 'c', writes: [del('x')] })
        .version({ at: 2, notes: {} }),
    ],
    [
      'lost-update',
      'an update over another one',
      new Scene()
        .told({ label: 'a', writes: [put('x', 'x1', null)] })
        .told({ label: 'b', writes: [put('x', 'x2', 'x1')] })
        .told({ label: 'c', writes: [put('x', 'x3', 'x1')] })
        .version({ at: 1, notes: { x: 'x1' } })
        .version({ at: 2, notes: { x: 'x2' } })
        .version({ at: 3, notes: { x: 'x3' } }),
    ],
    [
      'revision-reused',
      'a revision that does not grow',
      new Scene()
        .told({ label: 'a', writes: [put('x', 'x2', null)] })
        .told({ label: 'b', writes: [put('x', 'y2', 'x2')] })
        .version({ at: 1, notes: { x: 'x2' } })
        .version({ at: 2, notes: { x: 'y2' } }),
    ],
    [
      'torn-batch',
      'half a batch',
      new Scene()
        .told({ label: 'a', writes: [put('x', 'x1', null), put('y', 'y1', null)], outcome: 'unknown' })
        .version({ at: 1, notes: { x: 'x1' } }),
    ],
    [
      'torn-batch',
      'a batch in two versions',
      new Scene()
        .told({ label: 'a', writes: [put('x', 'x1', null), put('y', 'y1', null)] })
        .version({ at: 1, notes: { x: 'x1' } })
        .version({ at: 2, notes: { x: 'x1', y: 'y1' } }),
    ],
    [
      'stale-read',
      'a read of what was replaced before it began',
      new Scene()
        .told({ label: 'a', writes: [put('x', 'x1', null)] })
        .told({ label: 'b', writes: [put('x', 'x2', 'x1')] })
        .version({ at: 1, notes: { x: 'x1' } })
        .version({ at: 2, notes: { x: 'x2' } })
        .told({ label: 'c', startStep: 2, endStep: 3, read: all({ x: 'x1' }) }),
    ],
    [
      'torn-read',
      'a read of two versions at once',
      new Scene()
        .told({ label: 'a', writes: [put('x', 'x1', null)] })
        .told({ label: 'b', writes: [put('y', 'y1', null)] })
        .told({ label: 'c', writes: [del('x')] })
        .version({ at: 1, notes: { x: 'x1' } })
        .version({ at: 2, notes: {} })
        .version({ at: 3, notes: { y: 'y1' } })
        .told({ label: 'd', read: all({ x: 'x1', y: 'y1' }) }),
    ],
    [
      'torn-read',
      'a read that gives a version another number',
      new Scene()
        .told({ label: 'a', writes: [put('x', 'x1', null)] })
        .version({ at: 1, notes: { x: 'x1' } })
        .told({ label: 'b', startStep: 1, read: all({ x: 'x1' }, { seq: 2 }) }),
    ],
    [
      'dangling-reference',
      'a version that comes before what it refers to',
      new Scene().version({ at: 1, notes: {}, refs: ['o'] }).object('o', 2),
    ],
    [
      'dangling-reference',
      'an object deleted while the newest version needs it',
      new Scene()
        .object('o', 1)
        .version({ at: 2, notes: {}, refs: ['o'] })
        .gone('o', 50),
    ],
    [
      'broken-chain',
      'a number left out',
      new Scene().version({ at: 1, notes: {} }).version({ at: 2, notes: {}, seq: 3 }),
    ],
    [
      'broken-chain',
      'a version over another than the one before',
      new Scene().version({ at: 1, notes: {} }).version({ at: 2, notes: {}, prev: 'other' }),
    ],
    ['broken-chain', 'a head that was deleted', new Scene().version({ at: 1, notes: {} }).gone(HEAD, 2)],
    [
      'defect',
      'an error that no fault explains',
      new Scene().told({ label: 'a', outcome: 'rejected', error: new TypeError('x is not a function') }),
    ],
    [
      'defect',
      'damage where nothing was damaged',
      new Scene().told({ label: 'a', outcome: 'rejected', error: new UmbraError('CORRUPT', 'no') }),
    ],
  ])('calls %s: %s', async (property, _, scene) => {
    expect(await scene.violations()).toEqual([property])
  })

  it('lets a reader that may be late read an old version, and one at work any of its time', async () => {
    const scene = () =>
      new Scene()
        .told({ label: 'a', writes: [put('x', 'x1', null)] })
        .told({ label: 'b', writes: [put('x', 'x2', 'x1')] })
        .version({ at: 1, notes: { x: 'x1' } })
        .version({ at: 5, notes: { x: 'x2' } })
    const old = scene().told({
      label: 'c',
      startStep: 6,
      endStep: 7,
      read: all({ x: 'x1' }, { mayBeOld: true }),
    })
    const during = scene().told({ label: 'c', startStep: 2, endStep: 7, read: all({ x: 'x1' }) })
    const early = scene().told({ label: 'c', startStep: 0, endStep: 1, read: all({}) })
    expect(await Promise.all([old, during, early].map((one) => one.violations()))).toEqual([[], [], []])
  })

  it('waits for the grace before it wants a superseded reference gone', async () => {
    const scene = () =>
      new Scene()
        .object('o', 1)
        .version({ at: 2, notes: {}, refs: ['o'] })
        .version({ at: 3, notes: {} })
        .gone('o', 10)
    expect(await scene().violations(7_000)).toEqual([])
    expect(await scene().violations(7_001)).toEqual(['dangling-reference'])
  })

  it('understands writes of one record that share a version', async () => {
    const replaced = new Scene()
      .told({ label: 'a', writes: [put('x', 'x1', null)] })
      .told({ label: 'b', writes: [put('x', 'x2')] })
      .told({ label: 'c', writes: [put('x', 'x3', 'x2')] })
      .version({ at: 1, notes: { x: 'x3' } })
    const comeAndGone = new Scene()
      .told({ label: 'a', writes: [put('x', 'x1', null), put('y', 'y1', null)] })
      .told({ label: 'b', writes: [del('x')] })
      .version({ at: 1, notes: { y: 'y1' } })
    const tooLate = new Scene()
      .told({ label: 'a', writes: [put('x', 'x1', null)], startStep: 3 })
      .told({ label: 'b', writes: [put('x', 'x2')] })
      .version({ at: 1, notes: {} })
      .version({ at: 2, notes: { x: 'x2' } })
    expect(await replaced.violations()).toEqual([])
    expect(await comeAndGone.violations()).toEqual([])
    expect(await tooLate.violations()).toEqual(['acknowledged-yet-absent'])
  })
})
