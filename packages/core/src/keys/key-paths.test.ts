import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DATA_FORMATS } from '../records/data-format.ts'
import type { Namespace } from '../records/namespace.ts'
import type { DataKeyParts } from './key-paths.ts'
import {
  MAX_KEY_BYTES,
  RESERVED_MODULES,
  blobKey,
  dataKey,
  headKey,
  namespacePath,
  parseDataKey,
  partsPrefix,
  uploadKey,
} from './key-paths.ts'

/** What people and attackers put into names: separators, encodings of them, dots, spellings of one letter, our own names. */
const unit = fc.constantFrom(
  'a',
  'A',
  '.',
  '/',
  '%',
  '2',
  'F',
  '~',
  '-',
  ' ',
  '\\',
  '\0',
  '\n',
  'é',
  'e\u0301',
  '가',
  '😀',
)
const name = fc
  .oneof(
    fc.string({ unit, minLength: 1, maxLength: 8 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }),
    fc.constantFrom('..', '.', 'manifest.jsonl', '2024', 'Manifests', 'manifests/', 'a/b', 'foo', 'foobar'),
  )
  .filter((text) => !RESERVED_MODULES.some((reserved) => reserved === text))
const namespace = fc.record({ module: name, userId: name })
const timestamp = fc
  .date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString())
const later = fc.record({
  rev: fc.integer({ min: 2, max: 2 ** 31 }),
  nonce: fc.stringMatching(/^[0-9A-Za-z]{1,26}$/),
})
const filename = fc.oneof(
  fc.constantFrom('a.pdf', '.', '..', 'a/../b.txt', 'A.TAR.GZ', 'x.~1', 'no extension', 'a.é', 'a.p/f'),
  fc.string({ unit }),
)
const dataKeyParts: fc.Arbitrary<DataKeyParts> = fc
  .record({
    namespace,
    id: name,
    timestamp,
    format: fc.constantFrom(...DATA_FORMATS),
    filename: fc.option(filename, { nil: undefined }),
    later: fc.option(later, { nil: undefined }),
  })
  .map(({ later, ...parts }) => (later === undefined ? parts : { ...parts, later }))

const composed = ({ module, userId }: Namespace): Namespace => ({
  module: module.normalize('NFC'),
  userId: userId.normalize('NFC'),
})
const same = (a: Namespace, b: Namespace) => {
  const [left, right] = [composed(a), composed(b)]
  return left.module === right.module && left.userId === right.userId
}
const allKeys = (parts: DataKeyParts): string[] => [
  dataKey(parts),
  headKey(parts.namespace),
  `${partsPrefix(parts.namespace)}part.jsonl`,
  uploadKey(parts.namespace, parts.id),
  blobKey(parts.id.replaceAll('/', '_')),
]
const refusal = (code: string) => expect.objectContaining({ code })

describe('object keys', () => {
  it('lie where the layout says', () => {
    const parts: DataKeyParts = {
      namespace: { module: 'finance', userId: 'zoë@example.com' },
      id: 'order/1',
      timestamp: '2024-02-29T23:59:59.999Z',
      format: 'binary',
      filename: 'Scan.PDF',
      later: { rev: 3, nonce: '01ARZ' },
    }
    expect(dataKey(parts)).toBe('finance/zo%C3%AB@example.com/2024/02/29/order%2F1~3-01ARZ.pdf')
    expect(headKey(parts.namespace)).toBe('manifests/finance/zo%C3%AB@example.com/manifest.jsonl')
    expect(partsPrefix(parts.namespace)).toBe('manifests.d/finance/zo%C3%AB@example.com/')
    expect(uploadKey(parts.namespace, 'u1')).toBe('uploads/finance/zo%C3%AB@example.com/u1')
    expect(blobKey('settings/global ui')).toBe('json_blobs/settings/global%20ui.json')
  })

  it('never hold an empty or relative segment, nor anything but printable ASCII', () => {
    fc.assert(
      fc.property(dataKeyParts, (parts) => {
        for (const key of allKeys(parts)) {
          expect(key).toMatch(/^[A-Za-z0-9._@+=%~/-]+$/)
          expect(key.split('/').filter((segment) => ['', '.', '..'].includes(segment))).toEqual([])
        }
      }),
    )
  })

  it('never reach from one namespace into another', () => {
    const pairs = fc.tuple(namespace, namespace).filter(([a, b]) => !same(a, b))
    fc.assert(
      fc.property(pairs, dataKeyParts, ([a, b], parts) => {
        const [keysOfA, keysOfB] = [a, b].map((namespace) => allKeys({ ...parts, namespace }).slice(0, 4))
        expect(keysOfA?.filter((key) => keysOfB?.includes(key))).toEqual([])
        expect(dataKey({ ...parts, namespace: b }).startsWith(`${namespacePath(a)}/`)).toBe(false)
        expect(partsPrefix(b).startsWith(partsPrefix(a))).toBe(false)
      }),
      { numRuns: 500 },
    )
  })

  it('are the same for two Unicode spellings of one namespace', () => {
    fc.assert(
      fc.property(dataKeyParts, ({ namespace, id, ...rest }) => {
        const spelled = (form: 'NFC' | 'NFD') =>
          allKeys({
            ...rest,
            id: id.normalize(form),
            namespace: { module: namespace.module.normalize(form), userId: namespace.userId.normalize(form) },
          })
        expect(spelled('NFD')).toEqual(spelled('NFC'))
      }),
    )
  })

  it('keep siblings apart that begin alike', () => {
    const foo = { module: 'app', userId: 'foo' }
    const foobar = { module: 'app', userId: 'foobar' }
    expect(namespacePath(foobar).startsWith(namespacePath(foo))).toBe(true)
    expect(namespacePath(foobar).startsWith(`${namespacePath(foo)}/`)).toBe(false)
    expect(partsPrefix(foobar).startsWith(partsPrefix(foo))).toBe(false)
  })

  it('are refused for reserved modules, and only for these', () => {
    for (const module of RESERVED_MODULES) {
      expect(() => namespacePath({ module, userId: 'u' })).toThrow(refusal('INVALID_INPUT'))
      expect(() => headKey({ module, userId: 'u' })).toThrow(refusal('INVALID_INPUT'))
      expect(namespacePath({ module: 'm', userId: module })).toBe(`m/${module}`)
      expect(namespacePath({ module: `${module}2`, userId: 'u' })).toBe(`${module}2/u`)
    }
  })

  it('are refused when empty parts would make them ambiguous', () => {
    expect(() => namespacePath({ module: '', userId: 'u' })).toThrow(refusal('INVALID_INPUT'))
    expect(() => namespacePath({ module: 'm', userId: '' })).toThrow(refusal('INVALID_INPUT'))
    for (const key of ['', '/a', 'a/', 'a//b']) expect(() => blobKey(key)).toThrow(refusal('INVALID_INPUT'))
  })

  it('may be 1,024 bytes long and no longer, counted after encoding', () => {
    const room = MAX_KEY_BYTES - 'json_blobs/.json'.length
    expect(blobKey('a'.repeat(room))).toHaveLength(MAX_KEY_BYTES)
    expect(() => blobKey('a'.repeat(room + 1))).toThrow(refusal('TOO_LARGE'))
    expect(() => blobKey('é'.repeat(Math.ceil((room + 1) / 6)))).toThrow(refusal('TOO_LARGE'))
    const namespace = { module: 'm', userId: 'u'.repeat(MAX_KEY_BYTES) }
    const parts = {
      namespace,
      id: 'a',
      timestamp: '2024-01-01',
      format: 'json',
      filename: undefined,
    } as const
    for (const make of [() => dataKey(parts), () => headKey(namespace), () => uploadKey(namespace, 'a')]) {
      expect(make).toThrow(refusal('TOO_LARGE'))
    }
  })
})

describe('parseDataKey', () => {
  it('returns the namespace and id of every data key, whatever its format, revision and filename', () => {
    fc.assert(
      fc.property(dataKeyParts, (parts) => {
        expect(parseDataKey(dataKey(parts))).toEqual({
          namespace: composed(parts.namespace),
          id: parts.id.normalize('NFC'),
        })
      }),
      { numRuns: 1_000 },
    )
  })

  it('returns undefined for our other keys', () => {
    fc.assert(
      fc.property(dataKeyParts, (parts) => {
        for (const key of allKeys(parts).slice(1)) expect(parseDataKey(key)).toBeUndefined()
      }),
    )
  })

  it.each([
    '',
    'm/u/2024/01/01/',
    'm/u/2024/01/a.json',
    'm/u/2024/01/01/x/a.json',
    '/u/2024/01/01/a.json',
    'm//2024/01/01/a.json',
    'm/u/24/1/1/a.json',
    'm/../2024/01/01/a.json',
    'm/u/2024/01/01/.json',
    'm/u/2024/01/01/a b.json',
    'm/u/2024/01/01/a~2.json',
    'm/%75/2024/01/01/a.json',
    'manifests/u/2024/01/01/a.json',
    'uploads/u/2024/01/01/a.json',
  ])('returns undefined for %j', (key) => {
    expect(parseDataKey(key)).toBeUndefined()
  })
})

describe('parseDataKey', () => {
  it.each([
    ['no extension', 'm/u/2024/01/01/abc'],
    ['an empty extension', 'm/u/2024/01/01/a.'],
    ['an extension that is none', 'm/u/2024/01/01/a.weird~ext'],
    ['a day that is none', 'm/u/2024/99/99/a.json'],
    ['30 February', 'm/u/2024/02/30/a.json'],
    ['a folder too many', 'm/u/2024/01/01/x/a.json'],
    ['a reserved module', 'uploads/u/2024/01/01/a.json'],
    ['a part that is not encoded', 'm/u v/2024/01/01/a.json'],
  ])('knows nothing of a key with %s', (_name, key) => {
    expect(parseDataKey(key)).toBeUndefined()
  })
})
