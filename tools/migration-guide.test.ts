import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { startLocalR2 } from '@umbra/r2/local'
import { expect, it } from 'vitest'
import { createApplicationAtWork, readAtWork } from './application-at-work.fixture.ts'

const run = promisify(execFile)
const ROOT = resolve(import.meta.dirname, '..')
const TSX = [
  process.execPath,
  '--import',
  join(ROOT, 'node_modules/tsx/dist/loader.mjs'),
  '--conditions=@umbra/source',
]

const quoted = (words: readonly string[]) => words.map((word) => `'${word}'`).join(' ')

/** What a block is for a shell, with what the ones before it have exported. */
async function toScript({ language, code }: Block, { folder, index }: { folder: string; index: number }) {
  const step = join(folder, `step-${index}.ts`)
  if (language === 'ts') await writeFile(step, code)
  const command = language === 'ts' ? quoted([...TSX, step]) : code
  return `set -e\n. ./exported.sh\n${command}\nexport -p > exported.sh\n`
}

interface Block {
  readonly language: string
  readonly code: string
}

/** Which stores have everything once a block has run. */
function storesWithAll(phase: string, { code }: Block): readonly string[] {
  if (code.includes('umbra migrate')) return ['r2', 'sqlite']
  return phase === 'hybrid' ? [] : [phase]
}

/** The exit code of `umbra migrate` when both sides are not equal. */
const SIDES_DIFFER = 3

it('the migration guide runs as it stands, from SQLite to R2 and back, with an application at work', async () => {
  const guide = await readFile(join(ROOT, 'docs/migration.md'), 'utf8')
  const blocks = [...guide.matchAll(/```(sh|ts)\n([\s\S]*?)```/g)].map(([, language = '', code = '']) => ({
    language,
    code,
  }))
  expect(blocks).toHaveLength(8)
  // Inside the workspace, so that packages resolve as they do for its readers.
  const folder = await mkdtemp(join(ROOT, 'tools', '.readme-guide-'))
  const server = await startLocalR2()
  try {
    const command = join(folder, 'umbra')
    await writeFile(
      command,
      `#!/bin/sh\nexec ${quoted([...TSX, join(ROOT, 'packages/unified/src/cli/main.ts')])} "$@"\n`,
    )
    await chmod(command, 0o755)
    await writeFile(join(folder, 'exported.sh'), '')
    const env = {
      PATH: `${folder}:${process.env['PATH']}`,
      NO_COLOR: '1',
      R2_ACCOUNT_ID: 'local',
      R2_ENDPOINT: server.endpoint,
      R2_BUCKET: server.bucket,
      R2_ACCESS_KEY_ID: server.accessKeyId,
      R2_SECRET_ACCESS_KEY: server.secretAccessKey,
      UMBRA_CACHE_DIR: join(folder, 'cache'),
    }
    const application = createApplicationAtWork()
    const on = (backend: string) => ({
      ...env,
      SQLITE_PATH: join(folder, 'data/umbra.sqlite'),
      STORAGE_BACKEND: backend,
    })
    const has = (backend: string) => readAtWork(on(backend))
    let stdout = ''
    let phase = ''
    for (const [index, block] of blocks.entries()) {
      phase = /^export STORAGE_BACKEND=(\w+)/m.exec(block.code)?.[1] ?? phase
      const script = await toScript(block, { folder, index })
      const runBlock = async () => {
        const shell = await run('bash', ['-c', script], { env, cwd: folder })
        stdout += shell.stdout
      }
      const ended = new AbortController()
      const working = application.writeUntil(ended.signal, on(phase))
      const rest = async () => {
        ended.abort()
        await working
      }
      try {
        await runBlock()
      } catch (error) {
        // What was stored between the two looks of `--verify`: run again, as the guide says.
        if (!(error instanceof Error && 'code' in error && error.code === SIDES_DIFFER)) throw error
        await rest()
        await runBlock()
      } finally {
        await rest()
      }
      // What it writes from now on is where it is looked for, too.
      await application.writeUntil(AbortSignal.abort(), on(phase))
      expect(application.told().size).toBeGreaterThan(0)
      for (const store of storesWithAll(phase, block)) expect(await has(store)).toEqual(application.told())
    }
    expect(stdout.match(/\[ 'coffee', 'tea' \]/g)).toHaveLength(2)
    expect(stdout).toContain("{ currency: 'USD' }")
    expect(stdout).toMatch(/\d would be copied/)
    expect(stdout.match(/Both sides hold the same\./g)).toHaveLength(2)
    expect(stdout.trimEnd().endsWith('{"amount":4}')).toBe(true)
  } finally {
    await server.close()
    await rm(folder, { recursive: true })
  }
}, 240_000)
