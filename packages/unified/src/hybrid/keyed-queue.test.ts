import { expect, it } from 'vitest'
import { createKeyedQueue } from './keyed-queue.ts'

it('runs tasks of one key one after another, in the order they came, also after a failure', async () => {
  const inTurn = createKeyedQueue()
  const log: string[] = []
  const task =
    (name: string, fails = false) =>
    async () => {
      log.push(`${name} starts`)
      await Promise.resolve()
      log.push(`${name} ends`)
      if (fails) throw new Error(name)
      return name
    }
  const results = await Promise.allSettled([inTurn('a', task('one', true)), inTurn('a', task('two'))])
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
  expect(log).toEqual(['one starts', 'one ends', 'two starts', 'two ends'])
})

it('does not let one key wait for another', async () => {
  const inTurn = createKeyedQueue()
  let release = (_value: string) => {}
  const waiting = inTurn('a', () => new Promise<string>((resolve) => (release = resolve)))
  await Promise.resolve()
  expect(await inTurn('b', async () => 'done')).toBe('done')
  release('released')
  expect(await waiting).toBe('released')
})
