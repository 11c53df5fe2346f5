import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ObjectStore } from '@umbra/core'
import { startLocalR2 } from '../local/start-local-r2.ts'
import type { LocalR2 } from '../local/start-local-r2.ts'
import { collect, openStore } from './r2-store.fixture.ts'
import { answerError } from './scripted-server.fixture.ts'
import { openScripted } from './scripted-store.fixture.ts'

let local: LocalR2
let store: ObjectStore
let close: () => void

beforeAll(async () => {
  local = await startLocalR2()
  ;({ store, close } = openStore(local.settings))
})

afterAll(async () => {
  close()
  await local.close()
})

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `gone/${index}`)

describe('deleting many', () => {
  it('removes the keys of every batch, absent ones included, and nothing else', async () => {
    const keys = numbered(1_050)
    const present = ['gone/0', 'gone/999', 'gone/1000', 'gone/1049']
    for (const key of [...present, 'gone/1050', 'gone/10000']) await store.put(key, Buffer.from('x'))
    expect(await store.deleteMany(keys)).toEqual({ deleted: keys, failed: [] })
    const left = await collect(store.list('gone/'))
    expect(left.map((object) => object.key)).toEqual(['gone/10000', 'gone/1050'])
  })

  it('removes keys that need escaping', async () => {
    const keys = ['esc/%E4%B8%96.json', 'esc/a%20b&<c>.json', `esc/"quoted' name`]
    for (const key of [...keys, 'esc/世.json']) await store.put(key, Buffer.from('x'))
    expect(await store.deleteMany(keys)).toEqual({ deleted: keys, failed: [] })
    expect((await collect(store.list('esc/'))).map((object) => object.key)).toEqual(['esc/世.json'])
  })

  it('sends 2,500 keys in three requests and nothing for none', async () => {
    const batches: number[] = []
    const scripted = await openScripted(({ body }, response) => {
      const names = [...body.toString().matchAll(/<Key>(.*?)<\/Key>/g)].map((match) => match[1])
      batches.push(names.length)
      const results = names.map((name) => `<Deleted><Key>${name}</Key></Deleted>`)
      response.end(`<DeleteResult>${results.join('')}</DeleteResult>`)
    })
    const keys = numbered(2_500)
    expect(await scripted.store.deleteMany([])).toEqual({ deleted: [], failed: [] })
    expect(await scripted.store.deleteMany(keys)).toEqual({ deleted: keys, failed: [] })
    expect(batches).toEqual([1_000, 1_000, 500])
  })

  it('reads the result of every key from an answer of 200', async () => {
    const scripted = await openScripted((_, response) => {
      response.end(`<DeleteResult>
        <Deleted><Key>a/1</Key></Deleted>
        <Error><Key>a/2</Key><Code>AccessDenied</Code><Message>locked</Message></Error>
      </DeleteResult>`)
    })
    expect(await scripted.store.deleteMany(['a/1', 'a/2', 'a/3'])).toEqual({
      deleted: ['a/1'],
      failed: [
        { key: 'a/2', code: 'AccessDenied', message: 'locked' },
        { key: 'a/3', code: 'NoResult', message: 'the store did not say what became of this key' },
      ],
    })
  })

  it('sends a batch again whose answer was lost', async () => {
    let sent = 0
    const scripted = await openScripted((_, response) => {
      if (sent++ < 2) response.socket?.resetAndDestroy()
      else response.end('<DeleteResult><Deleted><Key>a/1</Key></Deleted></DeleteResult>')
    })
    expect(await scripted.store.deleteMany(['a/1'])).toEqual({ deleted: ['a/1'], failed: [] })
    expect(sent).toBe(3)
  })

  it('rejects when a whole batch is refused', async () => {
    const scripted = await openScripted((_, response) => answerError(response, 403, 'AccessDenied'))
    await expect(scripted.store.deleteMany(['a/1', 'a/2'])).rejects.toMatchObject({
      code: 'FORBIDDEN',
      details: { operation: 'deleteMany', outcome: 'not-applied' },
    })
  })
})

describe('deleting one', () => {
  it('succeeds also when there is nothing to delete', async () => {
    await store.put('one/a', Buffer.from('x'))
    await store.delete('one/a')
    await store.delete('one/a')
    expect(await store.head('one/a')).toBeUndefined()
  })
})
