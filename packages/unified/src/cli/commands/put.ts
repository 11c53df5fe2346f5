import { createReadStream } from 'node:fs'
import { basename, extname } from 'node:path'
import { collectBytes, DATA_FORMATS, isUmbraError, UmbraError } from '@umbra/core'
import type { DataFormat, JsonObject, StorageManager } from '@umbra/core'
import { Option } from 'commander'
import type { Command } from 'commander'
import { parseExactJson } from '../../migration/foreign/parse-exact-json.ts'
import { readJsonLinesFile } from '../../migration/foreign/read-json-lines-file.ts'
import type { CliContext } from '../cli-context.ts'
import { confirm } from '../confirm.ts'
import { createCommand, given } from '../create-command.ts'
import type { CreateCommand } from '../create-command.ts'
import { EXIT_CODES } from '../exit-codes.ts'
import { withStorage } from '../open-stores.ts'
import { printResult } from '../output/print-result.ts'

interface PutOptions {
  readonly json?: true
  readonly id?: string
  readonly format?: DataFormat
  readonly metadata?: string
  readonly ifMatch?: string
  readonly replace?: true
  readonly yes?: true
}

const FORMATS: Readonly<Record<string, DataFormat>> = {
  '.json': 'json',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
}

/** `umbra put`: stores a file, or what is piped in, as one record. */
export const createPutCommand: CreateCommand = (context, finish): Command =>
  createCommand('put', 'store a file, or what is piped in, as one record')
    .argument('<module>')
    .argument('<user>')
    .argument('[file]', 'default: standard input')
    .option('--id <id>', 'default: a new one')
    .addOption(
      new Option(
        '--format <format>',
        'default: by the name of the file; of standard input json, or what the replaced record is',
      ).choices(DATA_FORMATS),
    )
    .option('--metadata <json>', 'facts to filter by, as a JSON object')
    .option('--if-match <etag>', 'replace exactly this version of --id')
    .option('--replace', 'replace whatever --id is now')
    .option('--yes', 'do not ask before replacing')
    .action(async (module: string, user: string, file: string | undefined, options: PutOptions) => {
      assertAddressed(options)
      if (options.replace === true) {
        const agreed = await confirm(context, `Replace what ${module}/${user}/${options.id} is now?`, options)
        if (!agreed) return finish(EXIT_CODES.failed)
      }
      const record = await withStorage(context.env, (storage) =>
        put(context, storage, { module, userId: user, file }, options),
      )
      const { data: _data, ...info } = record
      printResult(context, options, { document: info, text: () => `${info.id}  ${info.etag}\n` })
    })

function assertAddressed({ id, ifMatch, replace }: PutOptions): void {
  if (id === undefined && (ifMatch !== undefined || replace === true))
    throw new UmbraError('INVALID_INPUT', '--if-match and --replace need --id')
}

async function put(
  context: CliContext,
  storage: StorageManager,
  target: { readonly module: string; readonly userId: string; readonly file: string | undefined },
  options: PutOptions,
) {
  const { module, userId, file } = target
  const metadata = options.metadata === undefined ? undefined : parseObject(options.metadata)
  const replaced = options.ifMatch !== undefined || options.replace === true ? options.id : undefined
  const current = replaced === undefined ? null : await storage.retrieveInfo(module, userId, replaced)
  const format =
    options.format ??
    (file === undefined ? (current?.dataFormat ?? 'json') : FORMATS[extname(file).toLowerCase()]) ??
    'binary'
  if (current !== null) assertKeepsFormat(current.dataFormat, format)
  const input = file === undefined ? context.stdin : createReadStream(file)
  const data = await readInput(input, format)
  if (replaced !== undefined) {
    return storage.updateData({
      module,
      userId,
      recordId: replaced,
      data,
      ...given({ metadata, ifMatch: options.ifMatch }),
    })
  }
  const filename = format === 'binary' && file !== undefined ? basename(file) : undefined
  return storage.storeData({
    module,
    userId,
    data,
    dataFormat: format,
    ...given({ id: options.id, metadata, filename }),
  })
}

function assertKeepsFormat(current: DataFormat, format: DataFormat): void {
  if (current === format || (hasRows(current) && hasRows(format))) return
  throw new UmbraError(
    'INVALID_INPUT',
    `the record is ${current} and stays so, the input is read as ${format}; name its format with --format, or store it under another id`,
  )
}

/** These are given as lines of JSON. */
function hasRows(format: DataFormat): boolean {
  return format === 'jsonl' || format === 'parquet'
}

async function readInput(input: AsyncIterable<Uint8Array>, format: DataFormat): Promise<unknown> {
  if (format === 'binary') return input
  if (hasRows(format)) return { records: readRows(input) }
  return parseJson(decode(await collectBytes(input)), 'the input')
}

async function* readRows(input: AsyncIterable<Uint8Array>): AsyncGenerator {
  for await (const line of readJsonLinesFile(input)) {
    if (line.kind === 'rejected')
      throw new UmbraError('INVALID_INPUT', `the input cannot be stored: line ${line.line} ${line.reason}`)
    yield line.value
  }
}

/** What is not UTF-8 is refused rather than replaced; a byte order mark is none of the text. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new UmbraError('INVALID_INPUT', 'the input is not UTF-8', { cause })
  }
}

function parseObject(text: string): JsonObject {
  const value = parseJson(text, '--metadata')
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new UmbraError('INVALID_INPUT', '--metadata must be a JSON object')
}

function parseJson(text: string, what: string): unknown {
  try {
    return parseExactJson(text)
  } catch (cause) {
    if (!isUmbraError(cause)) throw cause
    throw new UmbraError('INVALID_INPUT', `${what} ${cause.message}`, { cause })
  }
}
