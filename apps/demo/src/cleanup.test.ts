import { describe, expect, it } from 'vitest'
import { createCleanup } from './cleanup.ts'

describe('createCleanup', () => {
  it('releases the newest first and everything once', async () => {
    const cleanup = createCleanup()
    const released: string[] = []
    cleanup.defer(async () => void released.push('folder'))
    await cleanup.open(Promise.resolve({ close: async () => void released.push('server') }))
    await cleanup.run()
    await cleanup.run()
    expect(released).toEqual(['server', 'folder'])
  })

  it('closes what was still being opened', async () => {
    const cleanup = createCleanup()
    let closed = false
    const { promise, resolve } = withResolvers<{ close(): Promise<void> }>()
    void cleanup.open(promise)
    const running = cleanup.run()
    resolve({ close: async () => void (closed = true) })
    await running
    expect(closed).toBe(true)
  })

  it('goes on after a failure, and reports it', async () => {
    const cleanup = createCleanup()
    let removed = false
    cleanup.defer(async () => void (removed = true))
    cleanup.defer(async () => Promise.reject(new Error('does not close')))
    await expect(cleanup.run()).rejects.toThrow('does not close')
    expect(removed).toBe(true)
  })

  it('leaves the failure to open to the one who opens', async () => {
    const cleanup = createCleanup()
    await expect(cleanup.open(Promise.reject(new Error('does not open')))).rejects.toThrow('does not open')
    await expect(cleanup.run()).resolves.toBeUndefined()
  })
})

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((fulfil) => (resolve = fulfil))
  return { promise, resolve }
}
