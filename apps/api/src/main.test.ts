import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { JSON_HEADERS, objectOf, openBody } from './api.fixture.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
const KEY = 'the key of the process test'.replaceAll(' ', '-')
const KEYS = JSON.stringify([
  { name: 'test', sha256: createHash('sha256').update(KEY).digest('hex'), modules: ['*'], users: ['*'] },
])

interface Started {
  readonly child: ChildProcess
  readonly url: string
  readonly output: () => string
}

describe('the process', () => {
  let folder = ''
  const children: ChildProcess[] = []

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'umbra-api-'))
  })
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
    }
    await rm(folder, { recursive: true, force: true })
  })

  function run(environment: Record<string, string>): { child: ChildProcess; output: () => string } {
    const child = spawn(process.execPath, ['--conditions=@umbra/source', '--import', 'tsx', MAIN], {
      env: {
        PATH: process.env['PATH'],
        PORT: '0',
        STORAGE_BACKEND: 'sqlite',
        SQLITE_PATH: join(folder, 'umbra.sqlite'),
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    children.push(child)
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)))
    return { child, output: () => text }
  }

  async function start(environment: Record<string, string> = {}): Promise<Started> {
    const { child, output } = run({ UMBRA_API_KEYS: KEYS, ...environment })
    const urlIn = () => /"url":"([^"]+)"/.exec(output())?.[1]
    await expect.poll(urlIn, { timeout: 20_000 }).toBeDefined()
    return { child, url: urlIn() ?? '', output }
  }

  const authorization = `Bearer ${KEY}`

  it('keeps what it stored over a restart, and shows no key', async () => {
    const first = await start()
    const headers = { ...JSON_HEADERS, authorization }
    const body = '{"data":{"amount":50,"what":"coffee"},"id":"r"}'
    expect((await fetch(`${first.url}/v1/m/u/records`, { method: 'POST', headers, body })).status).toBe(201)
    expect((await fetch(`${first.url}/v1/m/u/records`)).status).toBe(401)
    first.child.kill('SIGTERM')
    expect(await once(first.child, 'exit')).toEqual([0, null])
    expect(first.output()).not.toContain(KEY)

    const second = await start()
    const found = await fetch(`${second.url}/v1/m/u/search?q=coffee`, { headers: { authorization } })
    expect(await objectOf(found)).toMatchObject({
      items: [{ id: 'r', data: { amount: 50, what: 'coffee' } }],
    })
    expect((await fetch(`${second.url}/readyz`)).status).toBe(200)
    second.child.kill('SIGINT')
    expect(await once(second.child, 'exit')).toEqual([0, null])
  })

  it('finishes an upload under way before it stops', async () => {
    const { child, url } = await start()
    const body = openBody()
    body.send('first half, ')
    const headers = { authorization, 'content-type': 'text/plain' }
    const init = { method: 'POST', headers, body: body.stream, duplex: 'half' }
    const uploading = fetch(`${url}/v1/m/u/records?id=slow`, init as RequestInit)
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    child.kill('SIGTERM')
    await expect
      .poll(() =>
        fetch(`${url}/healthz`).then(
          () => 'served',
          () => 'refused',
        ),
      )
      .toBe('refused')
    body.send('second half')
    body.end()
    expect((await uploading).status).toBe(201)
    expect(await once(child, 'exit')).toEqual([0, null])
    const again = await start()
    const stored = await fetch(`${again.url}/v1/m/u/records/slow`, { headers: { authorization } })
    expect(await stored.text()).toBe('first half, second half')
  })

  it('stops at once on a second signal', async () => {
    const { child, url, output } = await start()
    const body = openBody()
    body.send('never finished')
    const headers = { authorization, 'content-type': 'text/plain' }
    const init = { method: 'POST', headers, body: body.stream, duplex: 'half' }
    const uploading = fetch(`${url}/v1/m/u/records`, init as RequestInit)
    const ended = uploading.then(
      () => 'answered',
      () => 'cut',
    )
    expect((await fetch(`${url}/v1/m/u/records`, { headers: { authorization } })).status).toBe(200)
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await expect.poll(output).toContain('stopping')
    child.kill('SIGTERM')
    expect(await exited).toEqual([1, null])
    expect(await ended).toBe('cut')
  })

  it('refuses to start without keys, or with settings that are wrong, and says why', async () => {
    const withoutKeys = run({})
    const wrong = run({ UMBRA_DEV: '1', STORAGE_BACKEND: 'r2' })
    expect(await Promise.all([once(withoutKeys.child, 'exit'), once(wrong.child, 'exit')])).toEqual([
      [1, null],
      [1, null],
    ])
    expect(withoutKeys.output()).toMatch(/^cannot start. CONFIGURATION: .*UMBRA_API_KEYS: is missing/)
    expect(wrong.output()).toMatch(/^cannot start. CONFIGURATION: .*R2_BUCKET/s)
  })
})
