import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { FoundObject, ObjectStore } from '@umbra/core'
import { guardedDownload } from './download-stream.ts'
import { collect } from './r2-store.fixture.ts'
import { openScripted, writeObjectHead } from './scripted-store.fixture.ts'

async function find(store: ObjectStore): Promise<FoundObject> {
  const object = await store.get('a/b')
  if (object?.kind !== 'found') throw new Error('there is no a/b')
  return object
}

function closeWatch(): { watch: (response: ServerResponse) => void; closed: Promise<void> } {
  let resolve = (): void => {}
  const closed = new Promise<void>((done) => (resolve = done))
  return { watch: (response) => response.on('close', resolve), closed }
}

describe('a download', () => {
  it('carries the time of the store', async () => {
    const { store } = await openScripted((_, response) => {
      writeObjectHead(response, 0)
      response.end()
    })
    const serverDate = new Date('2026-11-24T00:00:07Z')
    expect(await store.get('a/b')).toMatchObject({ serverDate })
    expect(await store.head('a/b')).toMatchObject({ serverDate })
  })

  it('that stops sending ends with TIMEOUT and frees its connection', async () => {
    const { watch, closed } = closeWatch()
    const { store } = await openScripted((_, response) => {
      watch(response)
      writeObjectHead(response, 100)
      response.write('half')
    }, 200)
    await expect((await find(store)).bytes()).rejects.toMatchObject({
      code: 'TIMEOUT',
      details: { operation: 'get', key: 'a/b', idleTimeoutMs: 200 },
    })
    await closed
  })

  it('may take longer than the timeout as long as something arrives', async () => {
    const { store } = await openScripted((_, response) => {
      writeObjectHead(response, 8)
      let sent = 0
      const timer = setInterval(() => {
        response.write('x')
        if (++sent === 8) clearInterval(timer)
      }, 50)
    }, 200)
    expect(Buffer.from(await (await find(store)).bytes()).toString()).toBe('xxxxxxxx')
  })

  it('may be read as slowly as the reader likes', async () => {
    const { store } = await openScripted((_, response) => {
      writeObjectHead(response, 200_000)
      response.end(Buffer.alloc(200_000))
    }, 200)
    let bytes = 0
    for await (const chunk of (await find(store)).body) {
      if (bytes === 0) await new Promise((resolve) => setTimeout(resolve, 400))
      bytes += chunk.byteLength
    }
    expect(bytes).toBe(200_000)
  })

  it.each(['destroy', 'resetAndDestroy'] as const)(
    'whose connection ends in the middle (%s) is UNAVAILABLE, never a short read',
    async (end) => {
      const { store } = await openScripted((_, response) => {
        writeObjectHead(response, 100)
        response.write('half', () => response.socket?.[end]())
      })
      await expect((await find(store)).bytes()).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        details: { operation: 'get', key: 'a/b' },
      })
    },
  )

  it.each(['less', 'more than was announced'])('of %s is UNAVAILABLE however it ends', async (sent) => {
    const stream = Readable.from([Buffer.from(sent)])
    const body = guardedDownload(stream, { key: 'a/b', bytes: 10, idleTimeoutMs: 5_000 })
    await expect(collect(body)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { expectedBytes: 10, receivedBytes: sent.length },
    })
  })

  it('whose reader leaves early frees its connection', async () => {
    const { watch, closed } = closeWatch()
    const { store } = await openScripted((_, response) => {
      watch(response)
      writeObjectHead(response, 10_000_000)
      response.write(Buffer.alloc(100_000))
    })
    for await (const chunk of (await find(store)).body) {
      expect(chunk.byteLength).toBeGreaterThan(0)
      break
    }
    await closed
  })

  it('leaves its connection to the next one when it was read to the end', async () => {
    const { server, store } = await openScripted((_, response) => {
      writeObjectHead(response, 100_000)
      response.end(Buffer.alloc(100_000))
    })
    for (let round = 0; round < 3; round++) {
      expect(await (await find(store)).bytes()).toHaveLength(100_000)
    }
    expect(server.connectionCount()).toBe(1)
  })

  it('that ignores the range is refused, and its connection is freed', async () => {
    const { watch, closed } = closeWatch()
    const { store } = await openScripted((_, response) => {
      watch(response)
      writeObjectHead(response, 10_000_000)
      response.write('unasked')
    })
    await expect(store.get('a/b', { range: { start: 1, end: 2 } })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    })
    await closed
  })
})
