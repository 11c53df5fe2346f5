import { Readable, Writable } from 'node:stream'
import { systemClock } from '@umbra/core'
import { expect, it } from 'vitest'
import { openRejections } from './rejections-file.ts'

it('lists no more than fits into memory, however long each row is', async () => {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const context = {
    env: {},
    stdout: nowhere,
    stderr: nowhere,
    stdin: Readable.from([]),
    clock: systemClock,
    signal: new AbortController().signal,
  }
  const rejections = await openRejections(context, {})
  const raw = 'x'.repeat(1024 ** 2)
  for (let line = 1; line <= 40; line++)
    rejections?.add({ origin: 'rows.jsonl', place: `line ${line}`, reason: 'is not JSON', raw })
  expect(rejections?.listed).toHaveLength(16)
  rejections?.close()
})
