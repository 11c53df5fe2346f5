import { parseSettings, UmbraError } from '@umbra/core'
import type { Namespace, ParquetCodec } from '@umbra/core'
import type { Command } from 'commander'
import { noteBucket } from '../../hybrid/hybrid-bucket.ts'
import { createImportMirror } from '../../hybrid/import-mirror.ts'
import { createLazyParquetCodec } from '../../lazy-parquet-codec.ts'
import { createFolderSource } from '../../migration/foreign/folder-source.ts'
import type { ForeignSource, Rejection } from '../../migration/foreign/foreign-record.ts'
import { importForeign } from '../../migration/foreign/import-foreign.ts'
import type { ImportReport } from '../../migration/foreign/import-foreign.ts'
import { createOriginalBucketSource } from '../../migration/foreign/original-bucket-source.ts'
import { createTableSource } from '../../migration/foreign/table-source.ts'
import type { CliContext } from '../cli-context.ts'
import { createCommand, given } from '../create-command.ts'
import type { CreateCommand } from '../create-command.ts'
import { EXIT_CODES } from '../exit-codes.ts'
import { bothStores, storesInUse, withStores } from '../open-stores.ts'
import { formatCount } from '../output/format-quantity.ts'
import { printResult } from '../output/print-result.ts'
import { createProgressLine } from '../output/progress.ts'
import { renderImport } from '../output/render-import.ts'
import { openRejections } from '../rejections-file.ts'
import { settleOutbox } from '../settle-outbox.ts'

interface ImportCommandOptions {
  readonly json?: true
  readonly fromTable?: string
  readonly original?: true
  readonly bucket?: string
  readonly module?: string
  readonly user?: string
  readonly rows?: true
  readonly idColumn?: string
  readonly rejects?: string
  readonly dryRun?: true
  readonly yes?: true
}

/** `umbra import`: data of other systems. */
export const createImportCommand: CreateCommand = (context, finish): Command =>
  createCommand(
    'import',
    'take over a folder of JSON, JSONL, Parquet and CSV files, a SQLite table, or a bucket',
  )
    .argument('[path]', 'a file or folder; with --from-table a SQLite file')
    .option('--from-table <table>', 'a table or view of the SQLite file')
    .option('--original', "a bucket in the original system's layout")
    .option('--bucket <name>', 'with --original: which. Default: R2_BUCKET')
    .option('--module <module>', 'where to put it. Default for folders: the first folder inside')
    .option('--user <user>', 'where to put it. Default for folders: the second folder inside')
    .option('--rows', 'every row of a file becomes a record, instead of every file')
    .option('--id-column <name>', "the column or field that holds a row's id")
    .option('--rejects <file>', 'keep everything that cannot be converted in this file, as JSON lines')
    .option('--dry-run', 'convert everything and say what would be stored; write nothing')
    .option('--yes', 'do not ask before the file for rejects is overwritten')
    .action(async (path: string | undefined, options: ImportCommandOptions) => {
      const rejections = await openRejections(context, options)
      if (rejections === undefined) return finish(EXIT_CODES.failed)
      const parquet = createLazyParquetCodec()
      try {
        const source = await openSource(context, path, options, parquet)
        try {
          const report = await runImport(context, source, options, { parquet, onRejection: rejections.add })
          print(context, report, rejections.listed, options)
          const { conflicts, unconvertible } = report.migration.total
          if (report.rejected + conflicts + unconvertible > 0) finish(EXIT_CODES.differences)
        } finally {
          await source.close?.()
        }
      } finally {
        rejections.close()
        await parquet.close()
      }
    })

async function openSource(
  context: CliContext,
  path: string | undefined,
  options: ImportCommandOptions,
  parquet: ParquetCodec,
): Promise<ForeignSource> {
  const namespace = toNamespace(options)
  if (options.original === true) {
    const { r2 } = bothStores(context.env)
    const { createR2StorageManager } = await import('@umbra/r2')
    const bucket = await createR2StorageManager({
      ...r2,
      secretAccessKey: r2.secretAccessKey,
      bucket: options.bucket ?? r2.bucket,
      // Nothing is written there, so what it makes of conditions does not matter.
      singleWriter: true,
    })
    return { ...createOriginalBucketSource(bucket, parquet), close: () => bucket.close() }
  }
  if (path === undefined) throw new UmbraError('INVALID_INPUT', 'give a path, or --original')
  if (options.fromTable === undefined) {
    const unit = options.rows === true ? 'row' : 'file'
    return createFolderSource(path, { unit, parquet, ...given({ namespace, idField: options.idColumn }) })
  }
  if (namespace === undefined) throw new UmbraError('INVALID_INPUT', '--from-table needs --module and --user')
  return createTableSource({
    path,
    table: options.fromTable,
    namespace,
    ...given({ idColumn: options.idColumn }),
  })
}

function toNamespace({ module, user }: ImportCommandOptions): Namespace | undefined {
  if (module !== undefined && user !== undefined) return { module, userId: user }
  if (module === undefined && user === undefined) return undefined
  throw new UmbraError('INVALID_INPUT', 'give both --module and --user, or neither')
}

async function runImport(
  context: CliContext,
  source: ForeignSource,
  options: ImportCommandOptions,
  components: { readonly parquet: ParquetCodec; readonly onRejection: (rejection: Rejection) => void },
): Promise<ImportReport> {
  const settings = parseSettings(context.env)
  const readOnly = options.dryRun === true
  const progress = createProgressLine(context.stderr, context.clock)
  if (settings.backend !== 'sqlite' && !readOnly) await settleOutbox(context)
  try {
    return await withStores(
      storesInUse(settings),
      settings,
      async ([target, secondary]) => {
        if (target === undefined) throw new UmbraError('INTERNAL', 'there is no store')
        if (secondary !== undefined && !readOnly) await noteBucket(secondary, bothStores(context.env).r2)
        return importForeign(source, target, {
          ...components,
          ...(secondary && { mirror: createImportMirror({ primary: target, secondary }) }),
          dryRun: readOnly,
          signal: context.signal,
          onProgress: (state) => progress.update(state),
        })
      },
      { readOnly },
    )
  } finally {
    progress.clear()
  }
}

function print(
  context: CliContext,
  report: ImportReport,
  rejections: readonly Rejection[],
  options: ImportCommandOptions,
): void {
  const unlisted = report.rejected - rejections.length
  if (unlisted > 0 && options.rejects === undefined)
    context.stderr.write(
      `${formatCount(unlisted)} more could not be converted; --rejects keeps all in a file\n`,
    )
  printResult(context, options, {
    document: { ...report, rejections },
    text: () => renderImport(report, rejections),
  })
}
