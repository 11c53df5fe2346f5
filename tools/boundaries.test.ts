import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)
const ROOT = resolve(import.meta.dirname, '..')

/** Imports that must not be, each planted in a copy of the workspace. */
const VIOLATIONS = [
  {
    name: 'core reaches up',
    folder: 'packages/core/src',
    line: "import '@umbra/sqlite'",
    rule: 'core-is-a-leaf',
  },
  {
    name: 'one adapter knows the other',
    folder: 'packages/r2/src',
    line: "import '@umbra/sqlite'",
    rule: 'adapters-know-only-core',
  },
  {
    name: 'an app goes past unified',
    folder: 'apps/api/src',
    line: "import '@umbra/sqlite'",
    rule: 'apps-know-core-and-unified',
  },
  {
    name: 'an app imports an app',
    folder: 'apps/demo/src',
    line: "import '../../api/vitest.config.ts'",
    rule: 'apps-know-core-and-unified',
  },
  {
    name: 'the AWS SDK has a second owner',
    folder: 'packages/unified/src',
    line: "import '@aws-sdk/client-s3'",
    rule: 'aws-only-in-r2',
  },
  {
    name: 'DuckDB has a second owner',
    folder: 'packages/sqlite/src',
    line: "import '@duckdb/node-api'",
    rule: 'duckdb-only-in-r2',
  },
  {
    name: 'SQLite has a second owner',
    folder: 'packages/r2/src',
    line: "import 'better-sqlite3'",
    rule: 'sqlite-only-in-sqlite',
  },
  {
    name: 'Express has a second owner',
    folder: 'apps/demo/src',
    line: "import 'express'",
    rule: 'express-only-in-api',
  },
] as const

async function cruise(folder: string): Promise<{ failed: boolean; output: string }> {
  try {
    const { stdout } = await run(
      join(ROOT, 'node_modules/.bin/depcruise'),
      ['--config', '.dependency-cruiser.cjs', 'packages', 'apps'],
      { cwd: folder, env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' } },
    )
    return { failed: false, output: stdout }
  } catch (error) {
    const output =
      typeof error === 'object' && error !== null && 'stdout' in error ? String(error.stdout) : String(error)
    return { failed: true, output }
  }
}

/** Our own packages must resolve inside the copy, or the layers would not be seen. */
async function linkDependencies(copy: string): Promise<void> {
  await mkdir(join(copy, 'node_modules/@umbra'), { recursive: true })
  for (const name of await readdir(join(ROOT, 'node_modules'))) {
    if (name !== '@umbra') await symlink(join(ROOT, 'node_modules', name), join(copy, 'node_modules', name))
  }
  for (const name of ['core', 'r2', 'sqlite', 'unified']) {
    await symlink(join(copy, 'packages', name), join(copy, 'node_modules/@umbra', name))
  }
}

describe('import boundaries', () => {
  let copy = ''
  let report = { failed: false, output: '' }
  beforeAll(async () => {
    copy = await mkdtemp(join(tmpdir(), 'umbra-boundaries-'))
    const skip = /node_modules|dist|\.nx|\.test-counts/
    for (const path of [
      'packages',
      'apps',
      '.dependency-cruiser.cjs',
      'tsconfig.base.json',
      'vitest.shared.ts',
    ]) {
      await cp(join(ROOT, path), join(copy, path), {
        recursive: true,
        filter: (source) => !skip.test(source),
      })
    }
    await linkDependencies(copy)
    for (const [index, { folder, line }] of VIOLATIONS.entries()) {
      await writeFile(join(copy, folder, `planted-${index}.ts`), `${line}\n`)
    }
    report = await cruise(copy)
  })
  afterAll(() => rm(copy, { recursive: true, force: true }))

  it('hold, and the check has looked at every package', async () => {
    const { failed, output } = await cruise(ROOT)
    expect(output).toMatch(/no dependency violations found \(\d{3,} modules/)
    expect(failed).toBe(false)
  })

  it.each(VIOLATIONS.map((violation, index) => ({ ...violation, index })))(
    'fail the check when $name',
    ({ folder, rule, index }) => {
      expect(report.output).toContain(`error ${rule}: ${folder}/planted-${index}.ts`)
      expect(report.failed).toBe(true)
    },
  )
})
