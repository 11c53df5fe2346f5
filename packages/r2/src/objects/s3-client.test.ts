import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ObjectStore } from '@umbra/core'
import { openStore } from './r2-store.fixture.ts'
import { startScriptedServer } from './scripted-server.fixture.ts'
import type { ScriptedServer } from './scripted-server.fixture.ts'

let server: ScriptedServer
let store: ObjectStore
let close: () => void

beforeEach(async () => {
  server = await startScriptedServer(({ method }, response) => {
    if (method === 'PUT') response.writeHead(200, { etag: '"e1"' })
    // What R2 does: checksum headers on an answer that has no body to check.
    if (method === 'GET') response.writeHead(304, { etag: '"e1"', 'x-amz-checksum-crc32': 'AAAAAA==' })
    response.end()
  })
  ;({ store, close } = openStore(server.settings))
})

afterEach(async () => {
  close()
  await server.close()
})

async function* chunks(text: string) {
  yield Buffer.from(text)
}

describe('requests on the wire', () => {
  it.each([
    ['bytes', Buffer.from('{"a":1}')],
    ['no bytes', new Uint8Array()],
    ['a stream', { size: 7, bytes: undefined, stream: () => chunks('{"a":1}') }],
    ['3 MiB', new Uint8Array(3 * 1024 ** 2)],
  ])('puts %s plainly: no checksum, no Expect, no chunking, with a length', async (_, body) => {
    await store.put('m/u/a b%20.json', body, { contentType: 'application/json', metadata: { name: 'é' } })
    const [request] = server.requests
    const size = body instanceof Uint8Array ? body.byteLength : body.size
    expect(request).toMatchObject({ method: 'PUT', url: '/bucket/m/u/a%20b%2520.json?x-id=PutObject' })
    expect(request?.body.byteLength).toBe(size)
    expect(request?.headers).toMatchObject({
      'content-length': String(size),
      'content-type': 'application/json',
      'x-amz-meta-name': '%C3%A9',
    })
    const names = Object.keys(request?.headers ?? {})
    expect(names.filter((name) => name.startsWith('x-amz-checksum') || name.startsWith('x-amz-sdk'))).toEqual(
      [],
    )
    expect(names.filter((name) => name.startsWith('amz-sdk') || name === 'x-amz-user-agent')).toEqual([])
    expect(request?.headers['user-agent']).toBe('umbra-storage')
    expect(names).not.toContain('expect')
    expect(names).not.toContain('content-encoding')
    expect(names).not.toContain('transfer-encoding')
    expect(names).not.toContain('x-amz-decoded-content-length')
  })

  it('quotes the etags of conditions', async () => {
    await store.put('a/b', Buffer.from('x'), { ifMatch: 'e0' })
    await store.put('a/b', Buffer.from('x'), { ifNoneMatch: '*' })
    await store.get('a/b', { ifNoneMatch: 'e1' })
    const [swap, create, refresh] = server.requests.map((request) => request.headers)
    expect(swap).toMatchObject({ 'if-match': '"e0"' })
    expect(swap).not.toHaveProperty('if-none-match')
    expect(create).toMatchObject({ 'if-none-match': '*' })
    expect(create).not.toHaveProperty('if-match')
    expect(refresh).toMatchObject({ 'if-none-match': '"e1"' })
  })

  it('takes a 304 with checksum headers for what it is', async () => {
    expect(await store.get('a/b', { ifNoneMatch: 'e1' })).toEqual({ kind: 'not-modified' })
    expect(server.requests).toHaveLength(1)
  })

  it('uses one connection for requests one after another', async () => {
    for (let index = 0; index < 5; index++) await store.put(`a/${index}`, Buffer.from('x'))
    expect(server.connectionCount()).toBe(1)
  })

  it('sends 64 requests at once on 64 connections, and uses these again', async () => {
    const waiting: ServerResponse[] = []
    const patient = await startScriptedServer((_, response) => {
      if (waiting.push(response) < 64) return
      for (const one of waiting.splice(0)) one.writeHead(200, { etag: '"e1"' }).end()
    })
    const opened = openStore(patient.settings)
    const putMany = (folder: string) =>
      Promise.all(
        Array.from({ length: 64 }, (_, index) => opened.store.put(`${folder}/${index}`, Buffer.from('x'))),
      )
    await putMany('b')
    await putMany('c')
    expect(patient.connectionCount()).toBe(64)
    opened.close()
    await patient.close()
  })

  it('returns etags without quotes', async () => {
    expect(await store.put('a/b', Buffer.from('x'))).toEqual({ etag: 'e1' })
  })
})
