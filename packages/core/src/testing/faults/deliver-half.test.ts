import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { deliverHalf } from './exchange.ts'
import type { Exchange } from './exchange.ts'

it('half an answer for a client that is gone ends all the same', async () => {
  const store = createServer((_, response) => response.end('0123456789'))
  const delivered = new Promise((resolve, reject) => {
    const proxy = createServer((incoming, response) => {
      const { port } = store.address() as AddressInfo
      get({ port }, (answer) => {
        incoming.socket.destroy()
        deliverHalf(answer, { incoming, response } as Exchange).then(() => resolve('ended'), reject)
      })
    })
    proxy.listen(0, '127.0.0.1', () => {
      get({ port: (proxy.address() as AddressInfo).port }).once('error', () => proxy.close())
    })
  })
  store.listen(0)
  await once(store, 'listening')
  expect(await delivered).toBe('ended')
  store.close()
})
