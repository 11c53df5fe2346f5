import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { startLocalR2 } from '@umbra/r2/local'
import { expect, it } from 'vitest'

const run = promisify(execFile)
const ROOT = resolve(import.meta.dirname, '..')
const TSX = [
  process.execPath,
  '--import',
  join(ROOT, 'node_modules/tsx/dist/loader.mjs'),
  '--conditions=@umbra/source',
]

const quoted = (words: readonly string[]) => words.map((word) => `'${word}'`).join(' ')

/** One script of all blocks in their order, so that what one exports counts for the next. */
async function toScript(folder: string, guide: string): Promise<string> {
  const blocks = [...guide.matchAll(/```(sh|ts)\n([\s\S]*?)```/g)]
  expect(blocks).toHaveLength(8)
  const steps = blocks.map(async ([, language, code = ''], index) => {
    if (language === 'sh') return code
    const file = join(folder, `step-${index}.ts`)
    await writeFile(file, code)
    return `${quoted([...TSX, file])}\n`
  })
  return `set -e\n${(await Promise.all(steps)).join('')}`
}

it('the migration guide runs as it stands, from SQLite to R2 and back', async () => {
  const guide = await readFile(join(ROOT, 'docs/migration.md'), 'utf8')
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
    const env = {
      PATH: `${folder}:${process.env['PATH']}`,
      NO_COLOR: '1',
      R2_ACCOUNT_ID: 'local',
      R2_ENDPOINT: server.endpoint,
      R2_BUCKET: server.bucket,
      R2_ACCESS_KEY_ID: server.accessKeyId,
      R2_SECRET_ACCESS_KEY: server.secretAccessKey,
    }
    const { stdout } = await run('bash', ['-c', await toScript(folder, guide)], { env, cwd: folder })
    expect(stdout.match(/\[ 'coffee', 'tea' \]/g)).toHaveLength(2)
    expect(stdout).toContain("{ currency: 'USD' }")
    expect(stdout).toContain('2 would be copied')
    expect(stdout.match(/Both sides hold the same\./g)).toHaveLength(2)
    expect(stdout.trimEnd().endsWith('{"amount":4}')).toBe(true)
  } finally {
    await server.close()
    await rm(folder, { recursive: true })
  }
})
