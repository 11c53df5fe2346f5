import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hasErrorCode } from '@umbra/core'
import { describe, expect, it } from 'vitest'
import { API_VARIABLES, parseApiSettings } from './env.ts'
import type { Environment } from './env.ts'

const KEY = {
  name: 'app',
  sha256: createHash('sha256').update('k').digest('hex'),
  modules: ['*'],
  users: ['ann'],
}
const KEYS = JSON.stringify([KEY])

function failureOf(environment: Environment): string {
  try {
    parseApiSettings(environment)
  } catch (error) {
    if (hasErrorCode(error, 'CONFIGURATION')) return error.message
    throw error
  }
  throw new Error('the settings were accepted')
}

describe('parseApiSettings', () => {
  it('fills in the documented defaults', () => {
    expect(parseApiSettings({ UMBRA_API_KEYS: KEYS, PORT: '', UNKNOWN: 'x' })).toEqual({
      host: '127.0.0.1',
      port: 3000,
      access: [KEY],
      limits: { bodyBytes: 16 * 1024 * 1024, requestsPerMinute: 600, requestTimeoutMs: 300_000 },
      shutdownTimeoutMs: 10_000,
      logLevel: 'info',
    })
  })

  it('takes what is set', () => {
    const settings = parseApiSettings({
      UMBRA_API_KEYS: KEYS,
      HOST: '0.0.0.0',
      PORT: '8080',
      UMBRA_API_BODY_LIMIT_BYTES: '1000',
      UMBRA_API_REQUESTS_PER_MINUTE: '60',
      UMBRA_API_REQUEST_TIMEOUT_MS: '2000',
      UMBRA_API_SHUTDOWN_TIMEOUT_MS: '0',
      UMBRA_LOG_LEVEL: 'warn',
    })
    expect(settings).toMatchObject({
      host: '0.0.0.0',
      port: 8080,
      limits: { bodyBytes: 1000, requestsPerMinute: 60, requestTimeoutMs: 2000 },
      shutdownTimeoutMs: 0,
      logLevel: 'warn',
    })
  })

  it('refuses to run without a key, except for development on a loopback host', () => {
    expect(failureOf({})).toContain('UMBRA_API_KEYS: is missing')
    expect(failureOf({ UMBRA_API_KEYS: '' })).toContain('UMBRA_API_KEYS: is missing')
    expect(failureOf({ UMBRA_DEV: '0' })).toContain('UMBRA_API_KEYS: is missing')
    for (const HOST of ['0.0.0.0', '::', '192.168.0.1', 'example.com', '127.0.0.1.example.com']) {
      expect(failureOf({ UMBRA_DEV: '1', HOST })).toContain('loopback')
    }
    for (const HOST of ['127.0.0.1', '127.1.2.3', 'localhost', '::1']) {
      expect(parseApiSettings({ UMBRA_DEV: '1', HOST }).access).toBe('loopback')
    }
    expect(parseApiSettings({ UMBRA_DEV: '1', UMBRA_API_KEYS: KEYS }).access).toEqual([KEY])
  })

  it('reports all problems at once, and none of the values', () => {
    const message = failureOf({
      PORT: '70000',
      UMBRA_API_KEYS: JSON.stringify([{ ...KEY, sha256: 'plain-secret', users: [] }]),
      UMBRA_DEV: 'yes-secret',
      UMBRA_API_BODY_LIMIT_BYTES: '1 MB-secret',
      UMBRA_LOG_LEVEL: 'loud-secret',
    })
    for (const name of [
      'PORT',
      'UMBRA_API_KEYS.0.sha256',
      'UMBRA_API_KEYS.0.users',
      'UMBRA_DEV',
      'UMBRA_API_BODY_LIMIT_BYTES',
      'UMBRA_LOG_LEVEL',
    ]) {
      expect(message).toContain(`${name}: `)
    }
    expect(message).not.toContain('secret')
  })

  it.each([
    ['no JSON', 'my-secret-key'],
    ['no list', JSON.stringify(KEY)],
    ['an empty list', '[]'],
    ['a key in the clear', JSON.stringify([{ ...KEY, key: 'my-secret-key' }])],
    ['two keys of one name', JSON.stringify([KEY, KEY])],
  ])('refuses %s as keys', (_what, UMBRA_API_KEYS) => {
    const message = failureOf({ UMBRA_API_KEYS })
    expect(message).toContain('UMBRA_API_KEYS')
    expect(message).not.toContain('my-secret-key')
  })

  it('names every variable once', () => {
    expect(new Set(API_VARIABLES).size).toBe(API_VARIABLES.length)
    expect(API_VARIABLES).toContain('UMBRA_API_KEYS')
  })
})

it('documents every variable in .env.example, with values that are accepted', async () => {
  const text = await readFile(join(import.meta.dirname, '../.env.example'), 'utf8')
  const named = [...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(
    ([, name = '', value = '']) => [name, value] as const,
  )
  expect(named.map(([name]) => name).sort()).toEqual([...API_VARIABLES].sort())
  expect(parseApiSettings({ ...Object.fromEntries(named), UMBRA_DEV: '1' })).toEqual(
    parseApiSettings({ UMBRA_DEV: '1' }),
  )
})
