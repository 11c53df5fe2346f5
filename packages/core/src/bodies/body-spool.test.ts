import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { SPOOL_THRESHOLD_BYTES, spoolBody } from './body-spool.ts'

async function* chunks(count: number, sizeBytes: number) {
  for (let index = 0; index < count; index++) yield new Uint8Array(sizeBytes).fill(index)
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part)
  return Buffer.concat(parts)
}

const ourFiles = async () =>
  (await readdir(tmpdir())).filter((name) => name.startsWith(`umbra-body-${process.pid}-`))

describe('spoolBody', () => {
  it('keeps a small body in memory with its hash and size', async () => {
    const body = await spoolBody(chunks(3, 10), { maxBytes: 1_000 })
    expect(body.bytes?.byteLength).toBe(30)
    expect(body.sha256).toBe(
      createHash('sha256')
        .update(await collect(body.stream()))
        .digest('hex'),
    )
    expect(await collect(body.stream({ start: 9, end: 10 }))).toEqual(Buffer.from([0, 1]))
  })

  it('moves a large body to a file that reads the same any number of times and is gone after dispose', async () => {
    const body = await spoolBody(chunks(5, SPOOL_THRESHOLD_BYTES / 4), { maxBytes: 1e9 })
    expect(body.bytes).toBeUndefined()
    const first = await collect(body.stream())
    expect(first.byteLength).toBe(body.size)
    expect(createHash('sha256').update(first).digest('hex')).toBe(body.sha256)
    expect((await collect(body.stream())).equals(first)).toBe(true)
    expect(await collect(body.stream({ start: 0, end: 0 }))).toEqual(Buffer.from([0]))
    const files = await ourFiles()
    await body.dispose()
    await body.dispose()
    expect(files.some((name) => existsSync(`${tmpdir()}/${name}`))).toBe(false)
  })

  it('refuses more than the limit and leaves no file behind', async () => {
    const refused = spoolBody(chunks(20, SPOOL_THRESHOLD_BYTES / 4), { maxBytes: SPOOL_THRESHOLD_BYTES * 2 })
    await expect(refused).rejects.toMatchObject({ code: 'TOO_LARGE' })
    expect(await ourFiles()).toEqual([])
  })

  it('leaves no file behind when the source fails', async () => {
    async function* failing() {
      yield* chunks(8, SPOOL_THRESHOLD_BYTES / 4)
      throw new Error('source broke')
    }
    await expect(spoolBody(failing(), { maxBytes: 1e9 })).rejects.toThrow('source broke')
    expect(await ourFiles()).toEqual([])
  })
})
