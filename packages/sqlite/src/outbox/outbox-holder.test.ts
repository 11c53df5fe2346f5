import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { createProcessHolder } from './outbox-holder.ts'

const HERE = '4026531836'
const own = createProcessHolder(HERE)

it('sees that it runs itself, whichever of its outboxes asks', () => {
  expect(createProcessHolder(HERE).name).not.toBe(own.name)
  expect(own.isAlive(createProcessHolder(HERE).name)).toBe(true)
})

it('takes a process for dead that had its id at another time', () => {
  expect(own.isAlive(`${process.pid}-${HERE}-kx1-f00`)).toBe(false)
})

it('sees whether another process runs', async () => {
  const other = spawn(process.execPath, ['--eval', 'process.stdin.resume()'])
  const ended = once(other, 'exit')
  const name = `${other.pid}-${HERE}-kx1-f00`
  expect(own.isAlive(name)).toBe(true)
  other.kill('SIGKILL')
  await ended
  expect(own.isAlive(name)).toBe(false)
})

it('does not say what becomes of a process in another container', () => {
  expect(own.isAlive(createProcessHolder('4026532198').name)).toBeUndefined()
})

it('finds by itself where it runs', () => {
  expect(createProcessHolder().isAlive(createProcessHolder().name)).toBe(true)
})
