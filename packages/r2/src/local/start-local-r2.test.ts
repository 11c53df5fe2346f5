import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openStore } from '../objects/r2-store.fixture.ts'
import { startLocalR2 } from './start-local-r2.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function isListening(endpoint: string): Promise<boolean> {
  return fetch(endpoint).then(
    async (response) => {
      await response.arrayBuffer()
      return true
    },
    () => false,
  )
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 45_000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition did not come true')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

describe('startLocalR2', () => {
  it('serves a bucket on the loopback interface until it is closed', async () => {
    const local = await startLocalR2({ bucket: 'photos' })
    cleanups.push(local.close)
    const { store, close } = openStore(local.settings)
    cleanups.push(close)
    expect(new URL(local.endpoint).hostname).toBe('127.0.0.1')
    expect(local.bucket).toBe('photos')
    await store.put('a/b', Buffer.from('x'))
    await local.close()
    await local.close()
    expect(await isListening(local.endpoint)).toBe(false)
  })

  it('keeps what is in a given folder and the given port and credentials', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'umbra-test-'))
    cleanups.push(() => rm(dir, { recursive: true }))
    const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' }
    const first = await startLocalR2({ dir, credentials })
    const firstStore = openStore(first.settings)
    await firstStore.store.put('a/b', Buffer.from('kept'))
    firstStore.close()
    await first.close()

    const port = Number(new URL(first.endpoint).port)
    const second = await startLocalR2({ dir, credentials, port })
    cleanups.push(second.close)
    expect(second.settings).toEqual(first.settings)
    const { store, close } = openStore(first.settings)
    cleanups.push(close)
    const found = await store.get('a/b')
    expect(found?.kind === 'found' && Buffer.from(await found.bytes()).toString()).toBe('kept')
  })

  it('has removed everything but the given folder once it is closed', async () => {
    const scratch = await mkdtemp(join(tmpdir(), 'umbra-test-'))
    cleanups.push(() => rm(scratch, { recursive: true }))
    vi.stubEnv('TMPDIR', scratch)
    cleanups.push(() => void vi.unstubAllEnvs())
    const local = await startLocalR2({ dir: join(scratch, 'kept') })
    const { store, close } = openStore(local.settings)
    await store.put('a/b', Buffer.from('x'))
    close()
    expect(await readdir(scratch)).toHaveLength(2)
    await local.close()
    expect(await readdir(scratch)).toEqual(['kept'])
  })

  it('runs several servers at once, each with its own objects', async () => {
    const servers = await Promise.all([startLocalR2(), startLocalR2(), startLocalR2()])
    for (const server of servers) cleanups.push(server.close)
    const [first, second] = servers.map((server) => openStore(server.settings))
    cleanups.push(
      () => first?.close(),
      () => second?.close(),
    )
    await first?.store.put('a/b', Buffer.from('x'))
    expect(await first?.store.head('a/b')).toBeDefined()
    expect(await second?.store.head('a/b')).toBeUndefined()
  })

  it('refuses a port that is taken', async () => {
    const occupant = createServer().listen(0, '127.0.0.1')
    await once(occupant, 'listening')
    cleanups.push(() => occupant.close())
    const { port } = occupant.address() as AddressInfo
    await expect(startLocalR2({ port })).rejects.toMatchObject({ code: 'CONFIGURATION' })
  })

  it('does not outlive a process that is killed, leaves no folder behind and prints nothing', async () => {
    const here = dirname(fileURLToPath(import.meta.url))
    const script = join(here, 'print-endpoint.fixture.ts')
    const parent = spawn(process.execPath, ['--conditions=@umbra/source', '--import', 'tsx', script], {
      cwd: here,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    cleanups.push(() => parent.kill('SIGKILL'))
    let output = ''
    let complaints = ''
    parent.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    parent.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()))
    await until(async () => output.includes('\n'))
    const { endpoint, folder, scratch } = JSON.parse(output) as Record<
      'endpoint' | 'folder' | 'scratch',
      string
    >
    cleanups.push(() => rm(scratch, { recursive: true }))
    expect(await isListening(endpoint)).toBe(true)
    await access(folder)

    parent.kill('SIGKILL')
    await once(parent, 'exit')

    await until(async () => !(await isListening(endpoint)))
    await until(async () =>
      access(folder).then(
        () => false,
        () => true,
      ),
    )
    expect(complaints).toBe('')
  })
})
