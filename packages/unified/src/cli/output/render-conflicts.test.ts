import { expect, it } from 'vitest'
import type { DescribedConflict } from '../describe-conflict.ts'
import { renderConflicts } from './render-conflicts.ts'

const CONFLICT: DescribedConflict = {
  id: '01A',
  kind: 'conflict',
  module: 'finance',
  userId: "o'hara",
  changes: [
    { id: 'a b', operation: 'update' },
    { id: 'c', operation: 'create' },
  ],
  reason: { code: 'PRECONDITION_FAILED', message: 'somebody else wrote first' },
  queuedAt: '2026-01-01T00:00:00.000Z',
  refusedAt: '2026-01-02T00:00:00.000Z',
}
const DEAD: DescribedConflict = {
  ...CONFLICT,
  id: '01B',
  kind: 'dead',
  module: null,
  userId: null,
  changes: [{ id: 'json_blobs/k.json', operation: 'put blob' }],
  reason: { code: 'TOO_LARGE', message: 'too \u001b[2Jlarge' },
}

it('says of each what it is about, why it was refused, and the commands that decide it', () => {
  expect(renderConflicts([CONFLICT, DEAD])).toBe(
    `ID   MODULE   USER    RECORD             OPERATION  WRITTEN                   REFUSED                   REASON
01A  finance  o'hara  a b and 1 more     update     2026-01-01T00:00:00.000Z  2026-01-02T00:00:00.000Z  PRECONDITION_FAILED
01B  (blobs)          json_blobs/k.json  put blob   2026-01-01T00:00:00.000Z  2026-01-02T00:00:00.000Z  TOO_LARGE

01A  somebody else wrote first
  umbra get finance 'o'\\''hara' 'a b'   what is there now
  umbra conflicts retry 01A   put the refused version over it
  umbra conflicts discard 01A   drop the refused version

01B  too \u{fffd}[2Jlarge
  umbra conflicts retry 01B   send it again, once the reason is mended
  umbra conflicts discard 01B   drop the refused version
`,
  )
})

it('explains no more than a person reads, and says how many there are', () => {
  const many = Array.from({ length: 23 }, (_, index) => ({ ...CONFLICT, id: `id-${index}` }))
  const shown = renderConflicts(many)
  expect(shown.match(/conflicts retry/g)).toHaveLength(20)
  expect(shown).toMatch(/^id-22 /m)
  expect(shown).toMatch(/\n\.\.\. and 3 more\n$/)
})
