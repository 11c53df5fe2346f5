import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ERROR_CODES, UmbraError } from '@umbra/core'
import type { ErrorCode } from '@umbra/core'
import { describe, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { runUmbra } from './cli.fixture.ts'
import { COMMANDS } from './command-list.ts'
import { EXIT_CODES, exitCodeOf } from './exit-codes.ts'
import { describeProgress, createProgressLine } from './output/progress.ts'
import { renderTable } from './output/render-table.ts'
import { formatBytes, formatSeconds } from './output/format-quantity.ts'

const run = promisify(execFile)
const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))
const DOCS = fileURLToPath(new URL('../../../../docs/cli.md', import.meta.url))

describe('umbra', () => {
  it('shows every command with help, on stdout', async () => {
    const help = await runUmbra(['--help'])
    expect(help).toMatchObject({ exitCode: 0, stderr: '' })
    const names = [...help.stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name)
    expect(names).toHaveLength(COMMANDS.length + 2)
    for (const name of names.filter((one) => one !== 'help'))
      expect(await runUmbra(['help', name ?? ''])).toMatchObject({ exitCode: 0 })
  })

  it('has every exit code in its documentation, and every error one of them', async () => {
    const docs = await readFile(DOCS, 'utf8')
    for (const [name, code] of Object.entries(EXIT_CODES))
      expect(docs, name).toMatch(new RegExp(`^\\| ${code} \\| `, 'm'))
    const documented = [...docs.matchAll(/^\| (\d) \|[^|]*\|([^|]*)\|$/gm)]
    const stated = new Map(
      documented.flatMap(([, code, codes = '']) =>
        [...codes.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => [name, Number(code)] as const),
      ),
    )
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[])
      expect(exitCodeOf(new UmbraError(code, 'x')), code).toBe(stated.get(code) ?? EXIT_CODES.failed)
  })

  it.each([
    ['NOT_FOUND', 1, ['get', 'm', 'u', 'none', '--json']],
    ['INVALID_INPUT', 2, ['put', 'm', 'u', '/nowhere/at/all.json', '--json']],
    ['INVALID_INPUT', 2, ['search', '--json', 'm', 'u', 'x', '--limit', '0']],
    ['INVALID_INPUT', 2, ['no such command', '--json']],
    ['CONFIGURATION', 2, ['compare', '--json']],
    ['UNSUPPORTED', 1, ['fsck', '--json']],
  ])('prints a failure as a document too: %s', async (code, exitCode, words) => {
    const folder = await createStorageFolder()
    const env = { STORAGE_BACKEND: 'sqlite', SQLITE_PATH: folder.sqlitePath }
    const run = await runUmbra(words, { env })
    expect(run).toMatchObject({ exitCode, stderr: expect.stringMatching(/./) })
    expect(JSON.parse(run.stdout)).toEqual({ error: { code, message: expect.stringMatching(/./) } })
    const plain = words.filter((word) => word !== '--json')
    expect(await runUmbra(plain, { env })).toMatchObject({ exitCode, stdout: '' })
    await folder.remove()
  })

  it('names every command and option in its documentation', async () => {
    const docs = await readFile(DOCS, 'utf8')
    const bash = (await runUmbra(['completion', 'fish'])).stdout
    for (const [, name] of bash.matchAll(/-a (\w+) /g)) expect(docs).toContain(`umbra ${name}`)
    for (const [, option] of bash.matchAll(/ -l ([\w-]+) /g)) expect(docs).toContain(`--${option}`)
  })

  it('is a program that reads its environment and prints one JSON document', async () => {
    const folder = await createStorageFolder()
    const env = { PATH: process.env['PATH'], STORAGE_BACKEND: 'sqlite', SQLITE_PATH: folder.sqlitePath }
    const words = ['--import', 'tsx', '--conditions=@umbra/source', MAIN]
    const { stdout } = await run(process.execPath, [...words, 'info', '--json'], { env })
    expect(JSON.parse(stdout)).toMatchObject({ backend: 'sqlite' })
    const failing = run(process.execPath, [...words, 'get', 'm', 'u', 'none'], { env })
    await expect(failing).rejects.toMatchObject({ code: 1, stdout: '', stderr: /^umbra: NOT_FOUND: / })
    await folder.remove()
  })
})

describe('umbra completion', () => {
  it('completes commands and options in bash', async () => {
    const { stdout } = await runUmbra(['completion', 'bash'])
    const complete = async (...words: string[]) => {
      const line = words.map((word) => `'${word}'`).join(' ')
      const script = `${stdout}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _umbra; echo "\${COMPREPLY[@]}"`
      return (await run('bash', ['-c', script])).stdout.trim()
    }
    expect(await complete('umbra', 'mi')).toBe('migrate')
    expect(await complete('umbra', 'conflicts', '')).toBe('list retry discard')
    expect(await complete('umbra', 'conflicts', 'retry', '--ti')).toBe('--timeout')
    expect(await complete('umbra', 'migrate', '--dry')).toBe('--dry-run')
    expect(await complete('umbra', 'get', '--')).toBe('--json --info --out --help')
  })

  it.each(['bash', 'zsh', 'fish'])('names every command for %s', async (shell) => {
    const { stdout } = await runUmbra(['completion', shell])
    for (const name of [
      'info',
      'get',
      'put',
      'search',
      'sync',
      'conflicts',
      'migrate',
      'import',
      'completion',
    ])
      expect(stdout).toContain(name)
    expect(stdout).toMatch(/list retry discard|'list'[^]*'retry'[^]*'discard'/)
  })

  it('is syntax that bash accepts', async () => {
    const bash = spawn('bash', ['-n'], { stdio: ['pipe', 'ignore', 'ignore'] })
    bash.stdin.end((await runUmbra(['completion', 'bash'])).stdout)
    expect(await once(bash, 'exit')).toEqual([0, null])
  })

  it('prints a script and nothing else, so it knows no --json', async () => {
    const { exitCode, stdout } = await runUmbra(['completion', 'bash', '--json'])
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([2, { error: { code: 'INVALID_INPUT' } }])
  })

  it('refuses a shell there is not', async () => {
    expect(await runUmbra(['completion', 'cmd'])).toMatchObject({ exitCode: 2, stdout: '' })
  })
})

describe('what is printed', () => {
  it('stands in columns, and cannot steer a terminal', () => {
    const columns = [{ title: 'NAME' }, { title: 'N', align: 'right' as const }]
    expect(
      renderTable(columns, [
        ['a\u001b[2J', '10'],
        ['long name', '5'],
      ]),
    ).toBe('NAME        N\na\u{fffd}[2J      10\nlong name   5\n')
  })

  it('has units', () => {
    expect([0, 999, 13_500_000, 2e12].map(formatBytes)).toEqual(['0 B', '999 B', '13.5 MB', '2 TB'])
    expect([4.2, 187, 7_500].map(formatSeconds)).toEqual(['4.2 s', '3 min 07 s', '2 h 05 min'])
  })

  it('says how far it is, how fast, and how long it will take', () => {
    expect(describeProgress({ records: 500, totalRecords: 2_000, bytes: 1_000_000 }, 10)).toBe(
      '25%  500 of 2,000 records, 1 MB, 50 records/s, 30.0 s left',
    )
  })

  it('rewrites one line on a terminal, and logs a line every few seconds elsewhere', () => {
    const show = (isTTY: boolean) => {
      let now = 0
      let written = ''
      const stream = { isTTY, columns: 40, write: (text: string) => (written += text) }
      const line = createProgressLine(stream, { now: () => now, sleep: async () => {} })
      for (const records of [0, 50, 100]) {
        line.update({ records, totalRecords: 100, bytes: records })
        now += 3_000
      }
      line.clear()
      return written
    }
    expect(show(false)).toBe('100%  100 of 100 records, 100 B, 17 records/s, 0.0 s left\n')
    const onTerminal = show(true)
    expect(onTerminal.split('\r\u001B[2K')).toHaveLength(5)
    expect(onTerminal).not.toContain('\n')
    expect(Math.max(...onTerminal.split('\r\u001B[2K').map((text) => text.length))).toBeLessThan(40)
  })
})
