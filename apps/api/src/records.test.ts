import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { JSON_HEADERS, objectOf, startApi } from './api.fixture.ts'
import type { RunningApi } from './api.fixture.ts'
import { record, recordInfo } from './schemas/record-schemas.ts'

describe('records over HTTP', () => {
  let api: RunningApi
  let users = 0
  let base = ''

  beforeAll(async () => {
    api = await startApi()
  })
  afterAll(() => api.stop())

  const newBase = () => (base = `/v1/shop/user-${++users}`)
  const create = (body: unknown) =>
    api.call(`${base}/records`, { method: 'POST', headers: JSON_HEADERS, body: JSON.stringify(body) })
  const upload = (bytes: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>, query = '') =>
    api.call(`${base}/records${query}`, { method: 'POST', headers, body: bytes })
  const createdId = async (response: Response) => recordInfo.parse(await response.json()).id

  it('stores a JSON record and says where it is and which version', async () => {
    newBase()
    const response = await create({ data: { amount: 50 }, metadata: { shop: 'north' }, id: 'order 1/ü' })
    expect(response.status).toBe(201)
    const info = recordInfo.parse(await response.json())
    expect(info).toMatchObject({
      id: 'order 1/ü',
      dataFormat: 'json',
      metadata: { shop: 'north' },
      revision: 1,
    })
    expect(response.headers.get('etag')).toBe(`"${info.etag}"`)
    expect(response.headers.get('location')).toBe(`${base}/records/order%201%2F%C3%BC`)
    const read = await api.call(response.headers.get('location') ?? '')
    expect(read.status).toBe(200)
    expect(read.headers.get('etag')).toBe(`"${info.etag}"`)
    expect(record.parse(await read.json())).toEqual({ ...info, data: { amount: 50 } })
  })

  it.each(['null', '0', '""', '"text"', 'false', '[]', '{}', '{"constructor":{"prototype":1}}'])(
    'keeps the value %s',
    async (text) => {
      newBase()
      const id = await createdId(await upload(`{"data":${text}}`, JSON_HEADERS))
      expect(await objectOf(await api.call(`${base}/records/${id}`))).toHaveProperty('data', JSON.parse(text))
    },
  )

  it('keeps a key named __proto__', async () => {
    newBase()
    const body = '{"data":{"__proto__":{"admin":true}}}'
    const id = await createdId(await upload(body, JSON_HEADERS))
    expect(await (await api.call(`${base}/records/${id}?raw=1`)).text()).toBe('{"__proto__":{"admin":true}}')
  })

  it('stores rows sent as JSON or as lines alike', async () => {
    newBase()
    const rows = [{ n: 1 }, { n: 2, text: 'zwei\n' }]
    const fromJson = await createdId(await create({ data: { records: rows }, dataFormat: 'jsonl' }))
    // Split lines, an empty one, no newline at the end, and CRLF.
    const lines = `${JSON.stringify(rows[0])}\r\n\n${JSON.stringify(rows[1])}`
    const type = { 'content-type': 'application/x-ndjson' }
    const streamed = await upload(lines, type, '?metadata.from=lines&id=mine')
    expect(await streamed.json()).toMatchObject({ id: 'mine', recordCount: 2, metadata: { from: 'lines' } })
    for (const id of [fromJson, 'mine']) {
      const body = record.parse(await (await api.call(`${base}/records/${id}`)).json())
      expect(body).toMatchObject({ dataFormat: 'jsonl', recordCount: 2, data: { records: rows } })
      const stored = await api.call(`${base}/records/${id}`, {
        headers: { accept: 'application/octet-stream' },
      })
      expect(stored.headers.get('content-type')).toBe('application/x-ndjson')
      expect(await stored.text()).toBe(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    }
  })

  it('stores no rows when one line is not JSON, and names the line', async () => {
    newBase()
    const response = await upload('{"n":1}\n{"n":', { 'content-type': 'application/x-ndjson' }, '?id=broken')
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ code: 'INVALID_INPUT', line: 2 })
    expect((await api.call(`${base}/records/broken`)).status).toBe(404)
  })

  it('stores a file under its own type and name', async () => {
    newBase()
    const headers = {
      'content-type': 'text/html',
      'content-disposition': `attachment; filename="r.html"; filename*=UTF-8''r%C3%A9sum%C3%A9.html`,
    }
    const response = await upload('<script>alert(1)</script>', headers)
    const info = recordInfo.parse(await response.json())
    expect(info).toMatchObject({ dataFormat: 'binary', contentType: 'text/html', filename: 'résumé.html' })
    const read = await api.call(`${base}/records/${info.id}`)
    expect(read.headers.get('content-type')).toBe('text/html')
    expect(read.headers.get('content-disposition')).toBe(
      `attachment; filename="r_sum_.html"; filename*=UTF-8''r%C3%A9sum%C3%A9.html`,
    )
    expect(read.headers.get('x-content-type-options')).toBe('nosniff')
    expect(read.headers.get('content-length')).toBe('25')
    expect(await read.text()).toBe('<script>alert(1)</script>')
    const described = await api.call(`${base}/records/${info.id}`, {
      headers: { accept: 'application/json' },
    })
    expect(await described.json()).toEqual(info)
  })

  it('takes a file name from the query before the header', async () => {
    newBase()
    const headers = { 'content-type': 'text/plain', 'content-disposition': 'attachment; filename=b.txt' }
    const response = await upload('x', headers, '?filename=a.txt')
    expect(await response.json()).toMatchObject({ filename: 'a.txt' })
  })

  it('serves ranges of a file', async () => {
    newBase()
    const id = await createdId(await upload('0123456789', { 'content-type': 'text/plain' }))
    const range = (value: string, more: Record<string, string> = {}) =>
      api.call(`${base}/records/${id}`, { headers: { range: value, ...more } })
    const etag = (await api.call(`${base}/records/${id}`, { method: 'HEAD' })).headers.get('etag') ?? ''
    const cases = [
      ['bytes=2-4', '234', 'bytes 2-4/10'],
      ['bytes=7-', '789', 'bytes 7-9/10'],
      ['bytes=-2', '89', 'bytes 8-9/10'],
      ['bytes=5-500', '56789', 'bytes 5-9/10'],
    ] as const
    for (const [asked, text, contentRange] of cases) {
      const response = await range(asked)
      expect(response.status, asked).toBe(206)
      expect(response.headers.get('content-range')).toBe(contentRange)
      expect(response.headers.get('content-length')).toBe(String(text.length))
      expect(await response.text()).toBe(text)
    }
    const outside = await range('bytes=10-12')
    expect(outside.status).toBe(416)
    expect(outside.headers.get('content-range')).toBe('bytes */10')
    expect(await outside.json()).toMatchObject({ code: 'INVALID_INPUT', status: 416 })
    for (const whole of [
      range('lines=1-2'),
      range('bytes=0-1,4-5'),
      range('bytes=0-1', { 'if-range': '"old"' }),
    ]) {
      const response = await whole
      expect(response.status).toBe(200)
      expect(await response.text()).toBe('0123456789')
    }
    expect((await range('bytes=0-1', { 'if-range': etag })).status).toBe(206)
  })

  it('answers HEAD like GET without the body', async () => {
    newBase()
    const file = await createdId(await upload('0123456789', { 'content-type': 'text/plain' }))
    const head = await api.call(`${base}/records/${file}`, { method: 'HEAD' })
    expect(head.status).toBe(200)
    expect(head.headers.get('content-length')).toBe('10')
    expect(head.headers.get('accept-ranges')).toBe('bytes')
    expect(await head.text()).toBe('')
    const json = await createdId(await create({ data: 1 }))
    const headOfJson = await api.call(`${base}/records/${json}`, { method: 'HEAD' })
    expect(headOfJson.headers.get('content-type')).toMatch('application/json')
    expect(headOfJson.headers.get('etag')).toMatch(/^"1-/)
    expect((await api.call(`${base}/records/none`, { method: 'HEAD' })).status).toBe(404)
  })

  it('answers 304 when the client has the current version', async () => {
    newBase()
    const created = await create({ data: 1 })
    const etag = created.headers.get('etag') ?? ''
    const path = created.headers.get('location') ?? ''
    const read = (known: string) => api.call(path, { headers: { 'if-none-match': known } })
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const response = await read(known)
      expect(response.status, known).toBe(304)
      expect(response.headers.get('etag')).toBe(etag)
      expect(await response.text()).toBe('')
    }
    expect((await read('"other"')).status).toBe(200)
    expect((await read('unquoted')).status).toBe(400)
  })

  it('refuses what it cannot store, each with its own status', async () => {
    newBase()
    const cases: [number, () => Promise<Response>][] = [
      [400, () => create({})],
      [400, () => create({ data: 1, unknown: true })],
      [400, () => create({ data: 1, dataFormat: 'binary' })],
      [400, () => upload('{"data":', JSON_HEADERS)],
      [400, () => upload('', JSON_HEADERS)],
      [400, () => upload(new Uint8Array([0x22, 0xff, 0x22]), JSON_HEADERS)],
      [400, () => upload('x', { 'content-type': 'nonsense' })],
      [400, () => upload('x', { 'content-type': 'text/plain' }, '?unknown=1')],
      [400, () => upload('x', { 'content-type': 'text/plain' }, '?id=a&id=b')],
      [413, () => create({ data: 'x'.repeat(1024 * 1024) })],
      [413, () => upload('x'.repeat(1024 * 1024 + 1), { 'content-type': 'application/x-ndjson' })],
      [413, () => create({ data: 1, metadata: { long: 'x'.repeat(5_000) } })],
      [415, () => upload('data=1', { 'content-type': 'application/x-www-form-urlencoded' })],
      [415, () => upload('x', { 'content-type': 'multipart/form-data; boundary=x' })],
      [415, () => upload('x', { 'content-type': 'text/plain', 'content-encoding': 'gzip' })],
      [415, () => upload('{"data":1}', { 'content-type': 'application/json; charset=latin1' })],
      [415, () => upload(new Uint8Array([120]), {})],
    ]
    for (const [index, [status, send]] of cases.entries()) {
      const response = await send()
      expect(response.status, `case ${index}`).toBe(status)
      expect(response.headers.get('content-type')).toMatch('application/problem+json')
    }
    expect(await (await api.call(`${base}/records`)).json()).toEqual({ items: [], cursor: null })
  })

  it('says which id is taken', async () => {
    newBase()
    await create({ data: 1, id: 'mine' })
    const again = await create({ data: 2, id: 'mine' })
    expect(again.status).toBe(409)
    expect(await again.json()).toMatchObject({ code: 'ALREADY_EXISTS', id: 'mine' })
  })

  it('says that this set-up has no Parquet', async () => {
    newBase()
    const response = await create({ data: { records: [{ a: 1 }] }, dataFormat: 'parquet' })
    expect(response.status).toBe(501)
    expect(await response.json()).toMatchObject({ code: 'UNSUPPORTED' })
  })

  it('deletes a record once', async () => {
    newBase()
    const path = (await create({ data: 1 })).headers.get('location') ?? ''
    const gone = await api.call(path, { method: 'DELETE' })
    expect(gone.status).toBe(204)
    expect(await gone.text()).toBe('')
    expect((await api.call(path, { method: 'DELETE' })).status).toBe(404)
    expect((await api.call(path)).status).toBe(404)
  })
})
