import { createHash, randomBytes } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { firstLineOf, headContentType } from './head-compression.ts'
import { toManifestLine } from './manifest-head.ts'
import type { ManifestHead } from './manifest-head.ts'
import { parseHead } from './parse-head.ts'
import { renderHead } from './render-head.ts'

const namespace = { module: 'notes', userId: 'u42' }
const AT = '2026-09-22T10:11:12.345Z'

function headOf(entries: number): ManifestHead {
  const tail = Array.from({ length: entries }, (_, n) => {
    const sha256 = createHash('sha256').update(String(n)).digest('hex')
    return toManifestLine({
      id: `note-${n}`,
      module: namespace.module,
      user_id: namespace.userId,
      timestamp: AT,
      data_type: 'json',
      key: `notes/u42/2026/09/22/note-${n}-1.json`,
      etag: sha256.slice(0, 32),
      size: 400,
      metadata: { n: String(n) },
      rev: 1,
      op: 'put',
      sha256,
      record_count: null,
      text: `note number ${n} of the café on the corner, written down after lunch`,
    })
  })
  const header = {
    _: 'head' as const,
    v: 1 as const,
    module: namespace.module,
    user_id: namespace.userId,
    epoch: 'epoch',
    seq: 7,
    commit: 'commit',
    prev: { seq: 6, etag: 'six' },
    at: AT,
    live: entries,
    sum: '0'.repeat(64),
    floor: null,
    w: {},
    anchored: true,
    forgotten: 0,
  }
  return { header, parts: [], garbage: undefined, tail }
}

const LARGE = headOf(100)
const LARGER = headOf(2_000)
const corrupt = expect.objectContaining({ code: 'CORRUPT', message: expect.stringContaining('run fsck') })

describe('a large manifest', () => {
  it('is compressed as a whole, and comes back as it was', () => {
    const stored = renderHead(LARGE)
    const text = gunzipSync(stored)
    expect(stored.byteLength).toBeLessThan(text.byteLength / 2)
    expect(text.toString().split('\n')).toHaveLength(103)
    expect(parseHead(stored, namespace)).toEqual(LARGE)
    expect(headContentType(stored)).toBe('application/gzip')
  })

  it('is read as well where it was stored as text', () => {
    expect(parseHead(gunzipSync(renderHead(LARGE)), namespace)).toEqual(LARGE)
  })

  it('is refused when it is cut short anywhere', () => {
    const stored = renderHead(LARGE)
    for (let length = 0; length < stored.byteLength; length++)
      expect(() => parseHead(stored.subarray(0, length), namespace), `cut at ${length}`).toThrow(corrupt)
  })

  it('is refused with any one byte changed that says anything', () => {
    const stored = renderHead(LARGE)
    for (let at = 0; at < stored.byteLength; at++) {
      const changed = Buffer.from(stored)
      changed[at] = (changed[at] ?? 0) ^ 1
      let parsed: unknown
      try {
        parsed = parseHead(changed, namespace)
      } catch (error) {
        expect(error, `byte ${at}`).toEqual(corrupt)
        continue
      }
      // When and by which system it was compressed.
      expect(at).toBeLessThan(10)
      expect(parsed).toEqual(LARGE)
    }
  })

  it.each([
    [
      'of a manifest that was edited',
      gzipSync(Buffer.from(gunzipSync(renderHead(LARGE))).fill('x', 900, 901)),
    ],
    ['of something else', gzipSync(randomBytes(2_000))],
    ['of nothing', gzipSync('')],
    ['of far too much', gzipSync(Buffer.alloc(257 * 1_024 ** 2))],
    ['of two manifests', Buffer.concat([renderHead(LARGE), renderHead(LARGE)])],
  ])('is refused when it is the compressed form %s', (_name, stored) => {
    expect(() => parseHead(stored, namespace)).toThrow(corrupt)
  })
})

describe('the first line of a damaged manifest', () => {
  const stored = Buffer.from(renderHead(LARGER))
  const edited = Buffer.from(stored).fill(0, 3_000, 3_010)

  it.each([
    ['cut short', stored.subarray(0, 1_500)],
    ['edited behind it', edited],
    ['of text', gunzipSync(stored).subarray(0, 2_000)],
  ])('is read from one that is %s', (_name, damaged) => {
    expect(() => parseHead(damaged, namespace)).toThrow(corrupt)
    expect(JSON.parse(firstLineOf(damaged))).toEqual(LARGER.header)
  })

  it('says nothing when it is damaged itself', () => {
    for (const damaged of [stored.subarray(0, 20), Buffer.from(stored).fill(0, 12, 40), Buffer.alloc(0)])
      expect(() => JSON.parse(firstLineOf(damaged)) as unknown).toThrow(SyntaxError)
  })
})

describe('a small manifest', () => {
  it('stays text, up to what is sent at once', () => {
    const stored = renderHead(headOf(10))
    expect(Buffer.from(stored).toString()).toMatch(/^\{"_":"head"/)
    expect(headContentType(stored)).toBe('application/x-ndjson')
  })
})
