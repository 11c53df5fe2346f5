import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { JSON_HEADERS, startApi } from './api.fixture.ts'
import type { RunningApi } from './api.fixture.ts'
import { recordPage } from './schemas/record-schemas.ts'

describe('listing and searching', () => {
  let api: RunningApi
  const base = '/v1/shop/lister'

  beforeAll(async () => {
    api = await startApi()
    for (let n = 0; n < 25; n++) {
      await api.storage.storeData({
        module: 'shop',
        userId: 'lister',
        id: `r${String(n).padStart(2, '0')}`,
        data: { text: n % 5 === 0 ? 'coffee beans' : 'tea' },
        metadata: { n, even: n % 2 === 0, year: String(2000 + n), empty: null },
      })
    }
    await api.storage.storeData({
      module: 'shop',
      userId: 'lister',
      id: 'z-file',
      data: Buffer.from('bytes'),
      dataFormat: 'binary',
      filename: 'coffee.txt',
    })
    await api.storage.storeData({
      module: 'shop',
      userId: 'lister',
      id: 'z-large',
      data: 'x'.repeat(1_100_000),
    })
  })
  afterAll(() => api.stop())

  const page = async (path: string) => {
    const response = await api.call(path)
    expect(response.status, path).toBe(200)
    return recordPage.parse(await response.json())
  }
  const ids = async (path: string) => (await page(path)).items.map(({ id }) => id)

  it('pages through all records in order, none twice', async () => {
    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const next = await page(`${base}/records?limit=10${cursor && `&cursor=${encodeURIComponent(cursor)}`}`)
      expect(next.items.length).toBeLessThanOrEqual(10)
      seen.push(...next.items.map(({ id }) => id))
      cursor = next.cursor
    }
    expect(seen).toHaveLength(27)
    expect(new Set(seen).size).toBe(27)
    expect(await ids(`${base}/records?order=newest&limit=1000`)).toEqual(seen.toReversed())
  })

  it('gives data with each record, but leaves out files and large values', async () => {
    const { items } = await page(`${base}/records?limit=1000`)
    expect(items.find(({ id }) => id === 'r03')).toHaveProperty('data', { text: 'tea' })
    expect(items.find(({ id }) => id === 'z-file')).not.toHaveProperty('data')
    expect(items.find(({ id }) => id === 'z-large')).not.toHaveProperty('data')
  })

  it('streams all records as lines when asked', async () => {
    const response = await api.call(`${base}/records?limit=7`, {
      headers: { accept: 'application/x-ndjson' },
    })
    expect(response.headers.get('content-type')).toMatch('application/x-ndjson')
    const lines = (await response.text()).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line).id)).toEqual(await ids(`${base}/records?limit=1000`))
  })

  it.each([
    ['format=binary', ['z-file']],
    ['metadata.n=3', ['r03']],
    ['metadata.n=3&metadata.even=false', ['r03']],
    ['metadata.n=3&metadata.even=true', []],
    ['metadata.year=%222004%22', ['r04']],
    ['metadata.year=2004', []],
    ['metadata.empty=null&limit=1', ['r00']],
    ['to=2001-01-01', []],
    ['from=2001-01-01&limit=1', ['r00']],
    ['from=2999-01-01T00:00:00Z', []],
  ])('filters by %s', async (query, expected) => {
    expect(await ids(`${base}/records?${query}`)).toEqual(expected)
  })

  it.each([
    'limit=0',
    'limit=1001',
    'limit=x',
    'limit=',
    'cursor=nonsense',
    'from=yesterday',
    'format=xml',
    'order=up',
  ])('refuses %s', async (query) => {
    const response = await api.call(`${base}/records?${query}`)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ code: 'INVALID_INPUT', field: query.split('=')[0] })
  })

  it('searches words, pages through matches and takes the same filters', async () => {
    const all = await ids(`${base}/search?q=coffee&order=oldest`)
    expect(all).toEqual(['r00', 'r05', 'r10', 'r15', 'r20', 'z-file'])
    expect(await ids(`${base}/search?q=coffee`)).toEqual(all.toReversed())
    expect(await ids(`${base}/search?q=coffee+-beans`)).toEqual(['z-file'])
    expect(await ids(`${base}/search?q=offe`)).toEqual([])
    expect(await ids(`${base}/search?q=offe&mode=substring`)).toEqual(all.toReversed())
    expect(await ids(`${base}/search?q=coffee&metadata.n=5`)).toEqual(['r05'])
    const first = await page(`${base}/search?q=coffee&limit=4&order=oldest`)
    const second = await ids(`${base}/search?q=coffee&limit=4&order=oldest&cursor=${first.cursor}`)
    expect([...first.items.map(({ id }) => id), ...second]).toEqual(all)
    expect((await api.call(`${base}/search`)).status).toBe(400)
    expect((await api.call(`${base}/search?q=x&mode=regex`)).status).toBe(400)
  })

  it('stays within the namespace', async () => {
    await api.call('/v1/shop/other/records', {
      method: 'POST',
      headers: JSON_HEADERS,
      body: '{"data":"coffee"}',
    })
    expect(await ids('/v1/shop/nobody/records')).toEqual([])
    expect(await ids('/v1/shop/other/search?q=coffee')).toHaveLength(1)
    expect(await ids(`${base}/search?q=coffee`)).toHaveLength(6)
  })
})
