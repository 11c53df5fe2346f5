import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, extname, join, relative, sep } from 'node:path'
import { isUmbraError, UmbraError } from '@umbra/core'
import type { DataFormat, Namespace, ParquetCodec } from '@umbra/core'
import type { ForeignRecord, ForeignSource, Reject } from './foreign-record.ts'
import { parseExactJson } from './parse-exact-json.ts'
import { rawText } from './raw-text.ts'
import { readCsv } from './read-csv.ts'
import { readJsonLinesFile } from './read-json-lines-file.ts'

export interface FolderSourceOptions {
  /** Where to put what has none. Default: the first two folders inside name module and user. */
  readonly namespace?: Namespace
  /** `file` (default): a file becomes one record. `row`: every row of it does. */
  readonly unit?: 'file' | 'row'
  /** With rows: the field that holds a row's id. Default: the file's name and the line. */
  readonly idField?: string
  readonly parquet: ParquetCodec
}

type FileKind = 'json' | 'jsonl' | 'csv' | 'parquet'

const KINDS: Readonly<Record<string, FileKind>> = {
  '.json': 'json',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.csv': 'csv',
  '.parquet': 'parquet',
}

const FORMATS: Readonly<Record<FileKind, DataFormat>> = {
  json: 'json',
  jsonl: 'jsonl',
  csv: 'jsonl',
  parquet: 'parquet',
}

interface FoundFile {
  readonly path: string
  /** Inside the folder, with `/` on every system. */
  readonly name: string
  readonly kind: FileKind
  readonly namespace: Namespace
  readonly id: string
}

/** JSON, JSONL, Parquet and CSV files: one, or all below a folder. Anything else is listed as rejected. */
export function createFolderSource(path: string, options: FolderSourceOptions): ForeignSource {
  return {
    async *records(reject) {
      for await (const file of findFiles(path, options, reject)) {
        try {
          if (options.unit === 'row' && file.kind !== 'json') yield* rowRecords(file, options, reject)
          else yield await fileRecord(file, options, reject)
        } catch (error) {
          if (!isUmbraError(error)) throw error
          reject({ origin: file.name, place: undefined, reason: error.message })
        }
      }
    },
  }
}

async function* findFiles(
  root: string,
  options: FolderSourceOptions,
  reject: Reject,
): AsyncGenerator<FoundFile> {
  for (const { path, problem } of await listFiles(root)) {
    const name = relative(root, path).split(sep).join('/') || basename(path)
    const kind = KINDS[extname(path).toLowerCase()]
    const [module, userId, ...rest] = name.split('/')
    if (problem !== undefined) {
      reject({ origin: name, place: undefined, reason: problem })
    } else if (kind === undefined) {
      reject({ origin: name, place: undefined, reason: 'is no JSON, JSONL, Parquet or CSV file' })
    } else if (options.namespace !== undefined) {
      yield { path, name, kind, namespace: options.namespace, id: name }
    } else if (module !== undefined && userId !== undefined && rest.length > 0) {
      yield { path, name, kind, namespace: { module, userId }, id: rest.join('/') }
    } else {
      const reason = 'is not inside a folder for its module and one for its user; give both'
      reject({ origin: name, place: undefined, reason })
    }
  }
}

interface FolderEntry {
  readonly path: string
  /** Why it is not read. */
  readonly problem: string | undefined
}

/** In a stable order. */
async function listFiles(root: string): Promise<readonly FolderEntry[]> {
  const found = await stat(root).catch((cause: unknown) => {
    throw new UmbraError('INVALID_INPUT', `there is no such file or folder. path=${root}`, { cause })
  })
  if (!found.isDirectory()) return [{ path: root, problem: undefined }]
  const entries: FolderEntry[] = []
  for await (const entry of walk(root)) entries.push(entry)
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1))
}

async function* walk(folder: string): AsyncGenerator<FolderEntry> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      try {
        yield* walk(path)
      } catch (cause) {
        yield { path, problem: cannotBeRead(cause).message }
      }
    } else {
      // Links are not followed: they may lead out of the folder, or in a circle.
      yield { path, problem: entry.isFile() ? undefined : 'is a link or a device, not a file' }
    }
  }
}

async function fileRecord(
  file: FoundFile,
  { parquet }: FolderSourceOptions,
  reject: Reject,
): Promise<ForeignRecord> {
  const sourceSha256 = await hashFile(file.path)
  return {
    namespace: file.namespace,
    id: file.id,
    origin: file.name,
    dataFormat: FORMATS[file.kind],
    metadata: { source: file.name, source_sha256: sourceSha256 },
    sourceSha256,
    async load() {
      if (file.kind !== 'json')
        return { records: valuesOf(readRows(file, parquet, reject), () => assertSame(file, sourceSha256)) }
      const value = await readJson(file)
      await assertSame(file, sourceSha256)
      return value
    },
    ...((file.kind === 'jsonl' || file.kind === 'csv') && {
      async reject() {
        for await (const _row of readRows(file, parquet, reject));
      },
    }),
  }
}

async function* rowRecords(
  file: FoundFile,
  { parquet, idField }: FolderSourceOptions,
  reject: Reject,
): AsyncGenerator<ForeignRecord> {
  for await (const { line, value } of readRows(file, parquet, reject)) {
    const id = idField === undefined ? `${file.id}#${line}` : idOf(value, idField)
    if (id === undefined) {
      const raw = rawText(value)
      reject({ origin: file.name, place: `row ${line}`, reason: `has no ${idField} to be its id`, raw })
      continue
    }
    yield {
      namespace: file.namespace,
      id,
      origin: `${file.name}, row ${line}`,
      dataFormat: 'json',
      metadata: { source: file.name },
      load: async () => value,
    }
  }
}

interface Row {
  readonly line: number
  readonly value: unknown
}

async function* readRows(file: FoundFile, parquet: ParquetCodec, reject: Reject): AsyncGenerator<Row> {
  if (file.kind === 'parquet') {
    let line = 0
    for await (const value of parquet.read(file.path)) yield { line: ++line, value }
    return
  }
  const bytes = readBytes(file.path)
  for await (const row of file.kind === 'csv' ? readCsv(bytes) : readJsonLinesFile(bytes)) {
    if (row.kind === 'row') yield row
    else {
      const { kind: _kind, line, ...why } = row
      reject({ origin: file.name, place: `line ${line}`, ...why })
    }
  }
}

/** @throws `INVALID_INPUT` when the file cannot be read */
async function* readBytes(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path)
  } catch (cause) {
    throw cannotBeRead(cause)
  }
}

/** One file or folder that is gone or not ours to read says nothing of the others. */
function cannotBeRead(cause: unknown): UmbraError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
  return new UmbraError('INVALID_INPUT', `cannot be read. error=${code}`, { cause })
}

async function* valuesOf(rows: AsyncIterable<Row>, atEnd: () => Promise<void>): AsyncGenerator {
  for await (const { value } of rows) yield value
  await atEnd()
}

/** Else a later import would take a file that is another one for the one that was imported. */
async function assertSame({ path }: FoundFile, sha256: string): Promise<void> {
  if ((await hashFile(path)) === sha256) return
  throw new UmbraError('INVALID_INPUT', 'was changed while it was read; import it again')
}

async function readJson({ path }: FoundFile): Promise<unknown> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw cannotBeRead(cause)
  })
  return parseExactJson(decode(bytes))
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new UmbraError('INVALID_INPUT', 'is not UTF-8', { cause })
  }
}

function idOf(value: unknown, field: string): string | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, field)) return undefined
  const id: unknown = Reflect.get(value, field)
  if (typeof id === 'number' || typeof id === 'bigint') return String(id)
  return typeof id === 'string' && id !== '' ? id : undefined
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of readBytes(path)) hash.update(chunk)
  return hash.digest('hex')
}
