import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const run = promisify(execFile)
const ROOT = resolve(import.meta.dirname, '..')

/** The runner may ask for colours; the expected output has none. */
const PLAIN = { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' }

describe('README', () => {
  it('has code that runs as it stands on the embedded default', async () => {
    const readme = await readFile(join(ROOT, 'README.md'), 'utf8')
    const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code)
    expect(blocks).toHaveLength(1)
    // Inside the workspace, so that packages resolve as they do for its readers.
    const folder = await mkdtemp(join(ROOT, 'tools', '.readme-'))
    try {
      await writeFile(join(folder, 'snippet.ts'), blocks.join('\n'))
      const env = { ...PLAIN, SQLITE_PATH: join(folder, 'umbra.sqlite'), STORAGE_BACKEND: 'sqlite' }
      const argv = ['--import', 'tsx', '--conditions=@umbra/source', join(folder, 'snippet.ts')]
      const { stdout } = await run(process.execPath, argv, { env, cwd: ROOT })
      expect(stdout).toContain("{ amount: 50, description: 'Coffee' }")
      expect(stdout).toContain("{ month: '2026-01', income: 3000 }")
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('names only files and scripts that exist', async () => {
    const scripts = (JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { scripts: object })
      .scripts
    for (const name of ['README.md', 'CONTRIBUTING.md', 'docs/architecture.md']) {
      const text = await readFile(join(ROOT, name), 'utf8')
      for (const [, script = ''] of text.matchAll(/npm run ([\w:]+)/g))
        expect(scripts, name).toHaveProperty([script])
      for (const [, link = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
        await expect(run('ls', [join(ROOT, name, '..', link)]), `${name} -> ${link}`).resolves.toBeDefined()
      }
    }
  })
})
