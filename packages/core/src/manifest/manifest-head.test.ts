import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMemoryBody } from '../bodies/memory-body.ts'
import { recordEtag } from '../records/record-etag.ts'
import { sumEntries } from './live-sum.ts'
import type { ManifestHead } from './manifest-head.ts'
import { parseHead } from './parse-head.ts'
import { planCommit } from './plan-commit.ts'
import type { BaseVersion, ManifestOperation } from './plan-commit.ts'
import { renderHead } from './render-head.ts'

const namespace = { module: 'notes', userId: 'u42' }
const AT = '2026-09-22T10:11:12.345Z'

let commits = 0
const context = () => ({ namespace, writer: 'w1', at: AT, commit: `commit-${++commits}` })

function put(id: string, text: string, etag?: string): ManifestOperation {
  const body = createMemoryBody(new TextEncoder().encode(text))
  const draft = {
    id,
    module: namespace.module,
    user_id: namespace.userId,
    timestamp: AT,
    data_type: 'json' as const,
    size: body.size,
    metadata: { quote: 'é "\n' },
    sha256: body.sha256,
    record_count: null,
    text,
  }
  const expect = etag === undefined ? ({ kind: 'absent' } as const) : ({ kind: 'etag', etag } as const)
  const rev = etag === undefined ? 1 : Number.parseInt(etag, 10) + 1
  return {
    opId: `put-${id}-${text}`,
    mutations: [{ kind: 'put', draft, body, expect }],
    uploads: [{ key: `notes/u42/2026/09/22/${id}-${rev}.json`, etag: 'e'.repeat(32), rev, uploadedAt: AT }],
  }
}

function remove(id: string, etag: string): ManifestOperation {
  return {
    opId: `del-${id}-${etag}`,
    mutations: [{ kind: 'delete', id, expect: { kind: 'etag', etag }, at: AT }],
    uploads: [undefined],
  }
}

/** What a head without parts says of every id. */
const current = ({ tail }: Pick<ManifestHead, 'tail'>) => new Map(tail.map(({ entry }) => [entry.id, entry]))

const plan = (base: BaseVersion | undefined, operations: readonly ManifestOperation[], change: object = {}) =>
  planCommit(base, base === undefined ? new Map() : current(base.head), {
    operations,
    context: { ...context(), ...change },
  })

function store(base: BaseVersion | undefined, operations: readonly ManifestOperation[]): BaseVersion {
  const { next } = plan(base, operations)
  if (next === undefined) throw new Error('nothing was applied')
  return { head: parseHead(renderHead(next), namespace), etag: `etag-${next.header.seq}` }
}

const ids = (version: BaseVersion) => version.head.tail.map(({ entry }) => entry.id)

describe('a manifest', () => {
  it('is JSON lines that a person can read: header, entries, footer', () => {
    const { next } = plan(undefined, [put('a', 'coffee')])
    if (next === undefined) throw new Error('nothing was applied')
    const lines = Buffer.from(renderHead(next))
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(lines).toMatchObject([
      {
        _: 'head',
        v: 1,
        module: 'notes',
        user_id: 'u42',
        seq: 1,
        prev: null,
        live: 1,
        floor: null,
        w: { w1: { n: 1 } },
      },
      {
        id: 'a',
        module: 'notes',
        user_id: 'u42',
        timestamp: AT,
        data_type: 'json',
        rev: 1,
        op: 'put',
        text: 'coffee',
      },
      { _: 'end', lines: 2, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ])
    expect(Object.keys(lines[1] ?? {}).slice(0, 9)).toEqual([
      'id',
      'module',
      'user_id',
      'timestamp',
      'data_type',
      'key',
      'etag',
      'size',
      'metadata',
    ])
  })

  it('numbers its versions, links each to the one before and never has the same bytes twice', () => {
    const one = store(undefined, [put('a', 'x')])
    const entry = current(one.head).get('a')
    if (entry === undefined) throw new Error('the entry is missing')
    const two = store(one, [remove('a', recordEtag(entry))])
    const three = store(two, [
      { ...put('a', 'x'), uploads: [{ key: 'k', etag: 'e', rev: 3, uploadedAt: AT }] },
    ])
    expect([one, two, three].map(({ head }) => head.header.seq)).toEqual([1, 2, 3])
    expect(two.head.header.prev).toEqual({ seq: 1, etag: 'etag-1' })
    expect(new Set([one, two, three].map(({ head }) => head.header.epoch)).size).toBe(1)
    expect(new Set([one, two, three].map(({ head }) => Buffer.from(renderHead(head)).toString())).size).toBe(
      3,
    )
    expect(current(three.head).get('a')?.rev).toBe(3)
  })

  it('comes back from its bytes as it was, after any sequence of changes, with count and sum right', () => {
    const step = fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd'),
      kind: fc.constantFrom('put', 'del'),
      text: fc.string(),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
        let base: BaseVersion | undefined
        for (const { id, kind, text } of steps) {
          const before = base && current(base.head).get(id)
          const live = before?.op === 'put' ? before : undefined
          if (kind === 'del' && live === undefined) continue
          const operation =
            kind === 'del' && live !== undefined
              ? remove(id, recordEtag(live))
              : put(id, text, live && recordEtag(live))
          const rev = (before?.rev ?? 0) + 1
          const uploads =
            kind === 'del' ? [undefined] : [{ key: `k-${id}-${rev}`, etag: 'e', rev, uploadedAt: AT }]
          base = store(base, [{ ...operation, uploads }])
          const entries = [...current(base.head).values()]
          expect(base.head.header.live).toBe(entries.filter((entry) => entry.op === 'put').length)
          expect(base.head.header.sum).toBe(sumEntries(entries))
          expect(ids(base).at(-1)).toBe(id)
        }
      }),
    )
  })
})

describe('planCommit', () => {
  it('checks each operation against what the ones before it leave behind', () => {
    const base = store(undefined, [put('a', 'one')])
    const etag = recordEtag(current(base.head).get('a') ?? { rev: 0, sha256: '' })
    const { next, outcomes } = plan(base, [put('a', 'two', etag), put('a', 'three', etag), put('b', 'x')])
    expect(outcomes.map(({ kind }) => kind)).toEqual(['applied', 'rejected', 'applied'])
    expect(outcomes[1]).toMatchObject({ error: { code: 'PRECONDITION_FAILED' } })
    expect(next?.header).toMatchObject({ seq: 2, live: 2, w: { w1: { n: 3 } } })
  })

  it('applies all mutations of an operation or none', () => {
    const base = store(undefined, [put('a', 'one')])
    const both = [put('b', 'x'), put('a', 'taken')]
    const operation = {
      opId: 'both',
      mutations: both.flatMap(({ mutations }) => mutations),
      uploads: both.flatMap(({ uploads }) => uploads),
    }
    const { next, outcomes } = plan(base, [operation])
    expect(next).toBeUndefined()
    expect(outcomes).toMatchObject([
      { kind: 'rejected', error: { code: 'ALREADY_EXISTS', details: { index: 1 } } },
    ])
  })

  it('asks for a new upload when the revision number moved on', () => {
    const one = store(undefined, [put('a', 'x')])
    const two = store(one, [remove('a', recordEtag(current(one.head).get('a') ?? { rev: 0, sha256: '' }))])
    const { next, outcomes } = plan(two, [put('a', 'y')])
    expect(next).toBeUndefined()
    expect(outcomes).toEqual([{ kind: 'outdated', places: [{ index: 0, rev: 3 }] }])
  })

  it('counts only its own operations in its watermark, and keeps the others', () => {
    const one = store(undefined, [put('a', 'x'), put('b', 'x')])
    const { next } = plan(one, [put('c', 'x')], { writer: 'w2' })
    expect(next?.header.w).toMatchObject({ w1: { n: 2 }, w2: { n: 1 } })
    expect(next?.header.w['w1']?.h).toBe(one.head.header.w['w1']?.h)
  })

  it('keeps the 64 writers that wrote last, and says up to which version it forgot the others', () => {
    const w = Object.fromEntries(
      Array.from({ length: 100 }, (_, n) => [`w${n + 2}`, { n: 1, h: '', seq: n + 1, at: AT }]),
    )
    const one = store(undefined, [put('a', 'x')])
    const crowded = { ...one, head: { ...one.head, header: { ...one.head.header, seq: 100, w } } }
    const header = plan(crowded, [put('b', 'x')]).next?.header
    const writers = Object.keys(header?.w ?? {})
    expect(writers).toHaveLength(64)
    expect(writers).toContain('w1')
    expect(writers).toContain('w101')
    expect(header?.forgotten).toBe(37)
  })

  it('numbers the operations a writer counts itself, and names those it rejected', () => {
    const one = store(undefined, [{ ...put('a', 'x'), n: 5 }])
    const { next, outcomes } = plan(one, [
      { ...put('b', 'x'), n: 7 },
      { ...put('a', 'taken'), n: 8 },
    ])
    expect(outcomes.map(({ kind }) => kind)).toEqual(['applied', 'rejected'])
    expect(next?.header.w['w1']).toMatchObject({ n: 8, seq: 2, skip: [8] })
  })

  it('asks for a new upload when the floor says that the old one may have been collected', () => {
    const one = store(undefined, [put('a', 'x')])
    const floored = plan(one, [put('b', 'x')], { floor: AT }).next
    if (floored === undefined) throw new Error('nothing was applied')
    expect(floored.header.floor).toBe(AT)
    const { outcomes } = plan({ head: floored, etag: 'e2' }, [put('c', 'x')])
    expect(outcomes).toEqual([{ kind: 'outdated', places: [{ index: 0, rev: 1 }] }])
    const fresh = {
      ...put('c', 'x'),
      uploads: [{ key: 'k', etag: 'e', rev: 1, uploadedAt: '2026-09-22T10:26:12.345Z' }],
    }
    expect(plan({ head: floored, etag: 'e2' }, [fresh]).outcomes.map(({ kind }) => kind)).toEqual(['applied'])
  })
})

describe('parseHead', () => {
  const intact = () => {
    const { next } = plan(undefined, [put('a', 'x'), put('b', 'y')])
    if (next === undefined) throw new Error('nothing was applied')
    return Buffer.from(renderHead(next))
  }

  it('refuses a manifest that is cut short anywhere', () => {
    const bytes = intact()
    for (let length = 0; length < bytes.length - 1; length++) {
      expect(() => parseHead(bytes.subarray(0, length), namespace), `cut at ${length}`).toThrow(
        expect.objectContaining({ code: 'CORRUPT' }),
      )
    }
  })

  it('refuses a manifest with any one byte changed', () => {
    const bytes = intact()
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      let parsed: unknown
      try {
        parsed = parseHead(changed, namespace)
      } catch (error) {
        expect(error).toMatchObject({ name: 'UmbraError' })
        continue
      }
      // The line break after the footer, and the spelling of `lines` in it, carry nothing.
      expect(parsed).toEqual(parseHead(bytes, namespace))
    }
  })

  it.each([
    ['a byte order mark', (text: string) => `\u{feff}${text}`],
    ['windows line ends', (text: string) => text.replaceAll('\n', '\r\n')],
    ['a line added by hand', (text: string) => text.replace('\n', '\n{"id":"x"}\n')],
    ['nothing in it', () => ''],
    ['something else in it', () => '<html></html>'],
    ['only its entries left', (text: string) => `${text.split('\n').slice(1, -2).join('\n')}\n`],
  ])('refuses a manifest with %s and says what to run', (_name, damage) => {
    const bytes = Buffer.from(damage(intact().toString()))
    expect(() => parseHead(bytes, namespace)).toThrow(
      expect.objectContaining({ code: 'CORRUPT', message: expect.stringContaining('run fsck') }),
    )
  })

  it("refuses another namespace's manifest", () => {
    expect(() => parseHead(intact(), { module: 'notes', userId: 'u43' })).toThrow('another namespace')
  })
})

describe("the original system's manifest", () => {
  const line = (id: string, change: object = {}) =>
    JSON.stringify({
      id,
      module: 'notes',
      user_id: 'u42',
      timestamp: '2024-01-15T10:30:00.123456',
      data_type: 'jsonl',
      key: `notes/u42/2024/01/15/${id}.jsonl`,
      etag: '"9b1c"',
      size: 12,
      metadata: { tag: 'Café' },
      ...change,
    })
  const parse = (...lines: string[]) => parseHead(Buffer.from(`${lines.join('\n')}\n`), namespace)

  it('is read, its last line of an id counting, its times taken as UTC', () => {
    const head = parse(line('a'), line('b'), line('a', { size: 99 }))
    expect(head.header).toMatchObject({ seq: 0, live: 2, epoch: '' })
    expect([...current(head).keys()]).toEqual(['b', 'a'])
    expect(current(head).get('a')).toMatchObject({
      timestamp: '2024-01-15T10:30:00.123Z',
      etag: '9b1c',
      size: 99,
      rev: 1,
      op: 'put',
      sha256: '',
      text: 'a cafe',
    })
  })

  it('is upgraded by the first commit and keeps its entries', () => {
    const original = { head: parse(line('a')), etag: 'o1' }
    const upgraded = store(original, [put('b', 'new')])
    expect(upgraded.head.header).toMatchObject({ seq: 1, live: 2, prev: { seq: 0, etag: 'o1' } })
    expect(upgraded.head.header.epoch).not.toBe('')
    expect(ids(upgraded)).toEqual(['a', 'b'])
  })

  it.each([
    ['that is not JSON', 'not json'],
    ['without a key', line('a', { key: undefined })],
    ['pointing outside its namespace', line('a', { key: 'notes/u43/2024/01/15/a.jsonl' })],
    ['with a time that is none', line('a', { timestamp: 'yesterday' })],
  ])('is refused with a line %s', (_name, text) => {
    expect(() => parse(line('ok'), text)).toThrow(expect.objectContaining({ code: 'CORRUPT' }))
  })
})
