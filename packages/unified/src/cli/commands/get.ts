import { open, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { recordNotFound, UmbraError } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import type { Command } from 'commander'
import type { CliContext } from '../cli-context.ts'
import { createCommand } from '../create-command.ts'
import type { CreateCommand } from '../create-command.ts'
import { withStorage } from '../open-stores.ts'
import { printResult } from '../output/print-result.ts'

interface GetOptions {
  readonly json?: true
  readonly info?: true
  readonly out?: string
}

/** `umbra get`: one record, as it is stored. */
export const createGetCommand: CreateCommand = (context): Command =>
  createCommand('get', 'print one record as it is stored')
    .argument('<module>')
    .argument('<user>')
    .argument('<id>')
    .option('--info', 'what is known of it, without its data')
    .option('--out <file>', 'write its bytes to a file that does not exist yet')
    .action((module: string, user: string, id: string, options: GetOptions) =>
      withStorage(context.env, (storage) => get(context, storage, { module, user, id }, options)),
    )

interface Address {
  readonly module: string
  readonly user: string
  readonly id: string
}

async function get(
  context: CliContext,
  storage: StorageManager,
  { module, user, id }: Address,
  options: GetOptions,
): Promise<void> {
  if (options.out !== undefined) {
    const opened = await storage.openData(module, user, id)
    if (opened === null) throw recordNotFound(id)
    await writeNewFile(options.out, opened.body)
    const written = { ...opened.record, file: options.out }
    printResult(context, options, { document: written, text: () => `${options.out}\n` })
    return
  }
  const info = await storage.retrieveInfo(module, user, id)
  if (info === null) throw recordNotFound(id)
  if (options.info === true) {
    printResult(context, options, { document: info, text: () => `${JSON.stringify(info, null, 2)}\n` })
    return
  }
  if (options.json !== true) return printBytes(context, storage, { module, user, id })
  if (info.dataFormat === 'binary')
    throw new UmbraError('UNSUPPORTED', 'binary data is no JSON; use --out, or leave out --json')
  const record = await storage.retrieveData(module, user, id)
  if (record === null) throw recordNotFound(id)
  printResult(context, options, { document: record, text: () => '' })
}

async function writeNewFile(path: string, body: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await pipeline(body, file.createWriteStream())
  } catch (error) {
    // Half a body is none, and would be in the way of the next try.
    await rm(path, { force: true })
    throw error
  }
}

async function printBytes(
  { stdout }: CliContext,
  storage: StorageManager,
  { module, user, id }: Address,
): Promise<void> {
  const opened = await storage.openData(module, user, id)
  if (opened === null) throw recordNotFound(id)
  const { dataFormat } = opened.record
  if (dataFormat === 'binary' && stdout.isTTY === true)
    throw new UmbraError('UNSUPPORTED', 'binary data would garble the terminal; use --out')
  const content = dataFormat === 'parquet' ? linesOf(storage.iterateRows(module, user, id)) : opened.body
  // No faster than it is read.
  await pipeline(content, stdout, { end: false })
  if (dataFormat === 'json') stdout.write('\n')
}

async function* linesOf(rows: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const row of rows) yield `${JSON.stringify(row)}\n`
}
