import fc from 'fast-check'
import { DATA_FORMATS } from '@umbra/core'
import type { JsonObject, ManifestEntry } from '@umbra/core'
import { makeTombstone } from './runs.fixture.ts'

const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '\0', 'a\0b', '\u2028', '\ufeffa', "'", '"', '\\', '\n', 'é', 'e\u0301'),
  },
)
/** Few, so that entries meet; at both ends of the order, where UTF-16 and UTF-8 disagree, and with equal beginnings. */
const id = fc.oneof(
  { weight: 2, arbitrary: text.map((name) => name || 'empty') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('\uffff', '\u{10000}', '\ue000', 'a', 'A', 'aaaaaaaaaa', 'aaaaaaaaab', 'a\0'),
  },
)
const time = fc
  .oneof(
    fc.date({ min: new Date('2025-01-01'), max: new Date('2027-01-01'), noInvalidDate: true }),
    fc.date({ min: new Date('0000-01-01'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }),
  )
  .map((date) => date.toISOString())
const count = fc.oneof(fc.nat(), fc.constantFrom(0, 2 ** 31, Number.MAX_SAFE_INTEGER))

/** As core lets it through: any JSON, lone surrogates and own keys such as `__proto__` included. */
const metadata = fc
  .dictionary(
    fc.oneof(
      fc.constantFrom('__proto__', 'constructor', '', '10', '2', 'z', '\ud800'),
      fc.string({ unit: 'binary' }),
    ),
    fc
      .jsonValue({ stringUnit: 'binary', maxDepth: 2 })
      .chain((value) => fc.constantFrom(value, 1e21, '\udfff', [])),
    { maxKeys: 5 },
  )
  .map((value): JsonObject => JSON.parse(JSON.stringify(value)))

const put = fc.record(
  {
    id,
    module: text,
    user_id: text,
    timestamp: time,
    data_type: fc.constantFrom(...DATA_FORMATS),
    key: text,
    etag: text,
    size: count,
    metadata,
    rev: count,
    op: fc.constant('put' as const),
    sha256: fc.constantFrom('', 'ab'.repeat(32)),
    record_count: fc.option(count),
    text,
    text_truncated: fc.constant(true as const),
    updated_at: time,
    content_type: text,
    filename: text,
  },
  {
    requiredKeys: [
      ...([
        'id',
        'module',
        'user_id',
        'timestamp',
        'data_type',
        'key',
        'etag',
        'size',
        'metadata',
        'rev',
      ] as const),
      ...(['op', 'sha256', 'record_count', 'text'] as const),
    ],
    noNullPrototype: true,
  },
)

export const entryArbitrary: fc.Arbitrary<ManifestEntry> = fc.oneof(
  { weight: 4, arbitrary: put },
  { weight: 1, arbitrary: put.map((entry) => ({ ...makeTombstone(entry), rev: entry.rev })) },
)

/** The order of UTF-8 bytes. */
export function compareIds(a: Pick<ManifestEntry, 'id'>, b: Pick<ManifestEntry, 'id'>): number {
  return Buffer.compare(Buffer.from(a.id), Buffer.from(b.id))
}
