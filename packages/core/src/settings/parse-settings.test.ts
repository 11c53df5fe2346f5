import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { hasErrorCode } from '../errors/umbra-error.ts'
import { ENVIRONMENT_VARIABLES } from './environment-schema.ts'
import { missingR2Variables, parseSettings } from './parse-settings.ts'
import type { Environment } from './parse-settings.ts'

const R2 = {
  R2_ACCOUNT_ID: 'account',
  R2_ACCESS_KEY_ID: 'key-id',
  R2_SECRET_ACCESS_KEY: 'very-secret-key',
  R2_BUCKET: 'bucket',
}
const LINKS = { UMBRA_SIGNING_SECRET: 's'.repeat(32), UMBRA_PUBLIC_URL: 'https://files.example.com/' }

function failureOf(env: Environment) {
  try {
    parseSettings(env)
  } catch (error) {
    if (hasErrorCode(error, 'CONFIGURATION')) return error
    throw error
  }
  throw new Error('the settings were accepted')
}

describe('parseSettings', () => {
  it.each<[string, Environment, 'r2' | 'sqlite' | 'hybrid']>([
    ['nothing is set', {}, 'sqlite'],
    ['R2 is fully configured', R2, 'r2'],
    ['R2 is configured in part', { ...R2, R2_BUCKET: undefined }, 'sqlite'],
    ['R2 is configured in part by an empty string', { ...R2, R2_BUCKET: '' }, 'sqlite'],
    ['sqlite is asked for', { ...R2, STORAGE_BACKEND: 'sqlite' }, 'sqlite'],
    ['r2 is asked for', { ...R2, STORAGE_BACKEND: 'r2' }, 'r2'],
    ['hybrid is asked for', { ...R2, STORAGE_BACKEND: 'hybrid' }, 'hybrid'],
    [
      'the feature is switched off by false',
      { ...R2, STORAGE_BACKEND: 'r2', FEATURE_R2_STORAGE: 'false' },
      'sqlite',
    ],
    ['the feature is switched off by 0', { STORAGE_BACKEND: 'hybrid', FEATURE_R2_STORAGE: '0' }, 'sqlite'],
    ['the feature is switched on by 1', { ...R2, FEATURE_R2_STORAGE: '1' }, 'r2'],
    ['the feature is an empty string', { ...R2, FEATURE_R2_STORAGE: '' }, 'r2'],
  ])('when %s', (_when, env, backend) => {
    expect(parseSettings(env).backend).toBe(backend)
  })

  it('fills in the documented defaults', () => {
    expect(parseSettings({ ...R2, XDG_CACHE_HOME: '/cache' })).toMatchObject({
      r2: { endpoint: 'https://account.r2.cloudflarestorage.com', region: 'auto', bucket: 'bucket' },
      outbox: true,
      sqlite: { path: './data/umbra.sqlite' },
      cache: { directory: expect.stringMatching(/umbra$/), maxBytes: 1024 ** 3 },
    })
  })

  it('takes what is set', () => {
    const settings = parseSettings({
      ...R2,
      ...LINKS,
      R2_ENDPOINT: 'https://account.eu.r2.cloudflarestorage.com',
      R2_REGION: 'weur',
      R2_PACED: 'false',
      SQLITE_PATH: '/data/u.sqlite',
      UMBRA_CACHE_DIR: '/cache',
      UMBRA_CACHE_MAX_BYTES: '1000',
      UMBRA_OUTBOX: 'off',
    })
    expect(settings).toMatchObject({
      backend: 'r2',
      outbox: false,
      r2: { endpoint: 'https://account.eu.r2.cloudflarestorage.com', region: 'weur', paced: false },
      sqlite: { path: '/data/u.sqlite', links: { publicUrl: 'https://files.example.com' } },
      cache: { directory: '/cache', maxBytes: 1000 },
    })
    expect(settings.sqlite.links?.secret).toBe(LINKS.UMBRA_SIGNING_SECRET)
    expect(settings.backend === 'r2' && settings.r2.secretAccessKey).toBe('very-secret-key')
  })

  it('lists every missing name when R2 is asked for', () => {
    for (const backend of ['r2', 'hybrid']) {
      const error = failureOf({ STORAGE_BACKEND: backend, R2_BUCKET: 'bucket' })
      const missing = ['R2_ACCOUNT_ID', 'R2_ACCESS_KEY_ID', 'R2_SECRET_ACCESS_KEY']
      expect(error.details).toEqual({
        missing,
        problems: missing.map((variable) => ({ variable, problem: 'is missing' })),
      })
      for (const name of missing) expect(error.message).toContain(name)
    }
  })

  it('reports all problems at once, and none of the values', () => {
    const error = failureOf({
      STORAGE_BACKEND: 'hybrid',
      FEATURE_R2_STORAGE: 'no-way',
      UMBRA_CACHE_MAX_BYTES: '1 GB-way',
      UMBRA_SIGNING_SECRET: 'short-way',
      R2_ENDPOINT: 'ftp://way',
      UMBRA_OUTBOX: 'no-way',
      R2_SECRET_ACCESS_KEY: 'secret-way',
    })
    expect(error.details).toMatchObject({
      problems: expect.arrayContaining(
        [
          'FEATURE_R2_STORAGE',
          'UMBRA_CACHE_MAX_BYTES',
          'UMBRA_SIGNING_SECRET',
          'UMBRA_PUBLIC_URL',
          'R2_ENDPOINT',
          'UMBRA_OUTBOX',
          'R2_ACCOUNT_ID',
          'R2_ACCESS_KEY_ID',
          'R2_BUCKET',
        ].map((variable) => expect.objectContaining({ variable })),
      ),
    })
    expect(error.details['problems']).toHaveLength(9)
    expect(error.details).not.toHaveProperty('missing')
    expect(inspect(error)).not.toContain('-way')
  })

  it('does not look at R2 settings that are not used', () => {
    const env = {
      R2_ENDPOINT: 'nonsense',
      UMBRA_OUTBOX: 'nonsense',
      STORAGE_BACKEND: 'r2',
      FEATURE_R2_STORAGE: 'false',
    }
    expect(parseSettings(env).backend).toBe('sqlite')
  })

  it.each([['UMBRA_SIGNING_SECRET'], ['UMBRA_PUBLIC_URL']])('refuses links without %s', (variable) => {
    const error = failureOf({ ...LINKS, [variable]: '' })
    expect(error.details).toMatchObject({ missing: [variable] })
  })

  it('keeps secrets out of JSON, of printing and of copies', () => {
    const settings = parseSettings({ ...R2, ...LINKS, STORAGE_BACKEND: 'hybrid' })
    if (settings.backend === 'sqlite') throw new Error('hybrid was asked for')
    const shown = [
      JSON.stringify(settings),
      inspect(settings, { depth: 9, showHidden: true }),
      JSON.stringify({ ...settings.r2 }),
      inspect(structuredClone(settings), { depth: 9 }),
      Object.values(settings.r2).join(),
    ].join('\n')
    expect(shown).toContain('bucket')
    expect(shown).not.toContain('very-secret-key')
    expect(shown).not.toContain(LINKS.UMBRA_SIGNING_SECRET)
  })
})

describe('missingR2Variables', () => {
  it('names what keeps R2 from being the default', () => {
    expect(missingR2Variables({ ...R2, R2_BUCKET: '', R2_ACCOUNT_ID: undefined })).toEqual([
      'R2_ACCOUNT_ID',
      'R2_BUCKET',
    ])
  })

  it('names nothing when R2 is complete, not meant, or the backend was chosen', () => {
    const partial = { R2_BUCKET: 'bucket' }
    for (const env of [
      R2,
      {},
      { ...partial, STORAGE_BACKEND: 'sqlite' },
      { ...partial, FEATURE_R2_STORAGE: 'false' },
    ]) {
      expect(missingR2Variables(env)).toEqual([])
    }
  })
})

describe('.env.example', () => {
  const lines = readFileSync(new URL('../../../../.env.example', import.meta.url), 'utf8').split('\n')
  const variables = lines.flatMap((line) => /^#? ?([A-Z0-9_]+)=/.exec(line)?.[1] ?? [])

  it('has every variable once and no other', () => {
    expect(variables.toSorted()).toEqual(ENVIRONMENT_VARIABLES.toSorted())
  })

  it('says of every variable what it is for', () => {
    for (const name of variables) {
      const index = lines.findIndex((line) => line.includes(`${name}=`))
      expect(lines[index - 1], name).toMatch(/^# [A-Z].{15,}/)
    }
  })

  it('works as it stands once the R2 values are filled in', () => {
    const env = Object.fromEntries(
      lines.flatMap((line) => {
        const [, name, value] = /^([A-Z0-9_]+)=(.*)$/.exec(line) ?? []
        return name === undefined ? [] : [[name, value]]
      }),
    )
    expect(parseSettings(env).backend).toBe('sqlite')
    expect(parseSettings({ ...env, ...R2 }).backend).toBe('r2')
  })
})
