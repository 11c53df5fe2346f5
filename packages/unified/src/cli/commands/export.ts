import { createWriteStream } from 'node:fs'
import { mkdir, open, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { encodePathPart, hasErrorCode, namespacePath, parseSettings, verifiedStream } from '@umbra/core'
import type { Namespace, StorageBackend, StoredEntry, StoreInventory } from '@umbra/core'
import type { Command } from 'commander'
import { createCopyBacklog } from '../../hybrid/copy-backlog.ts'
import { findInBoth } from '../../hybrid/find-in-both.ts'
import { createHybridBlobs } from '../../hybrid/hybrid-blobs.ts'
import { sideOf } from '../../hybrid/hybrid-parts.ts'
import { createInventoryOfBoth } from '../../hybrid/inventory-of-both.ts'
import { listEntries } from '../../migration/list-entries.ts'
import type { ListedBackend } from '../../migration/migration-context.ts'
import type { CliContext } from '../cli-context.ts'
import { confirm } from '../confirm.ts'
import { createCommand, moment } from '../create-command.ts'
import type { CreateCommand } from '../create-command.ts'
import { EXIT_CODES } from '../exit-codes.ts'
import { storesInUse, withStores } from '../open-stores.ts'
import { formatBytes, formatCount } from '../output/format-quantity.ts'
import { printResult } from '../output/print-result.ts'
import { warnOfPending } from '../warn-of-pending.ts'

interface ExportOptions {
  readonly json?: true
  readonly module?: string
  readonly user?: string
  readonly since?: string
  readonly yes?: true
}

interface ExportReport {
  readonly folder: string
  records: number
  bytes: number
  blobs: number
  /** Replaced or deleted while they were read. */
  moved: number
  readonly damaged: { readonly id: string; readonly reason: string }[]
}

/** `umbra export`: everything as plain files. */
export const createExportCommand: CreateCommand = (context, finish): Command =>
  createCommand(
    'export',
    'write everything to a folder: bodies as files, and what is known of them as JSON lines',
  )
    .argument('<folder>')
    .option('--module <module>', 'only this module')
    .option('--user <user>', 'only this user')
    .option('--since <time>', 'only records first stored at or after this moment', moment)
    .option('--yes', 'do not ask before files in the folder are overwritten')
    .action(async (folder: string, options: ExportOptions) => {
      await mkdir(folder, { recursive: true })
      const isEmpty = (await readdir(folder)).length === 0
      if (!isEmpty && !(await confirm(context, `Overwrite files in ${folder}?`, options)))
        return finish(EXIT_CODES.failed)
      const settings = parseSettings(context.env)
      const report = await withStores(storesInUse(settings), settings, ([first, second]) =>
        exportAll(context, first && second ? inBoth(first, second) : first, folder, options),
      )
      await warnOfPending(context)
      printResult(context, options, { document: report, text: () => renderExport(report) })
      if (report.damaged.length > 0) finish(EXIT_CODES.differences)
    })

type ExportedStore = Pick<StorageBackend, 'findEntries' | 'openBody' | 'blobs'> & {
  readonly inventory: Pick<StoreInventory, 'listNamespaces' | 'listBlobs'>
}

/** A hybrid as it is read, which is more than R2 has: some records may be only in SQLite. */
function inBoth(primary: ListedBackend, secondary: ListedBackend): ExportedStore {
  const parts = { primary, secondary }
  return {
    findEntries: (namespace, query) => findInBoth(parts, namespace, query),
    openBody: (stored, range) => sideOf(parts, stored).openBody(stored, range),
    blobs: createHybridBlobs(parts, createCopyBacklog()),
    inventory: createInventoryOfBoth(primary, secondary),
  }
}

async function exportAll(
  { signal }: CliContext,
  store: ExportedStore | undefined,
  folder: string,
  { module, user, since }: ExportOptions,
): Promise<ExportReport> {
  const report: ExportReport = { folder, records: 0, bytes: 0, blobs: 0, moved: 0, damaged: [] }
  if (store === undefined) return report
  for await (const namespace of store.inventory.listNamespaces()) {
    if (module !== undefined && namespace.module !== module) continue
    if (user !== undefined && namespace.userId !== user) continue
    await exportNamespace({ store, folder, signal, report }, namespace, since)
  }
  if (module !== undefined || user !== undefined || since !== undefined) return report
  for await (const { path } of store.inventory.listBlobs()) {
    signal.throwIfAborted()
    const blob = await store.blobs.get(path)
    if (blob === undefined) continue
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), blob.bytes)
    report.blobs++
  }
  return report
}

interface ExportContext {
  readonly store: ExportedStore
  readonly folder: string
  readonly signal: AbortSignal
  readonly report: ExportReport
}

/**
 * Every part of a path is encoded as in a bucket, so a stored name can never lead out of the folder; none holds a `~`, so
 * the index has a name of its own.
 */
async function exportNamespace(
  { store, folder, signal, report }: ExportContext,
  namespace: Namespace,
  since: string | undefined,
): Promise<void> {
  const place = join(folder, namespacePath(namespace))
  await mkdir(place, { recursive: true })
  const index = await open(`${place}~records.jsonl`, 'w')
  try {
    for await (const stored of listEntries(store, namespace, since)) {
      signal.throwIfAborted()
      const { entry } = stored
      const file = await exportBody({ store, place, report }, stored)
      if (file !== undefined) await index.write(`${JSON.stringify({ file, ...entry })}\n`)
    }
  } finally {
    await index.close()
  }
}

/** Resolves to the name of the file; undefined when there is no body of this revision. */
async function exportBody(
  { store, place, report }: Pick<ExportContext, 'store' | 'report'> & { readonly place: string },
  stored: StoredEntry,
): Promise<string | undefined> {
  const { entry } = stored
  const name = `${encodePathPart(entry.id)}${entry.key.slice(entry.key.lastIndexOf('.'))}`
  try {
    const body = verifiedStream(entry, await store.openBody(stored))
    await pipeline(body, createWriteStream(join(place, name)))
    report.records++
    report.bytes += entry.size
    return name
  } catch (error) {
    // Half a body is none.
    await rm(join(place, name), { force: true })
    if (hasErrorCode(error, 'CONFLICT')) report.moved++
    else if (hasErrorCode(error, 'CORRUPT')) report.damaged.push({ id: entry.id, reason: error.message })
    else throw error
    return undefined
  }
}

function renderExport({ folder, records, bytes, blobs, moved, damaged }: ExportReport): string {
  const lines = [
    `${formatCount(records)} records, ${formatBytes(bytes)}, and ${formatCount(blobs)} blobs in ${folder}`,
    ...(moved > 0
      ? [`${formatCount(moved)} changed while they were read and were left out; export again`]
      : []),
    ...damaged.map(({ id, reason }) => `damaged  ${id}  ${reason}`),
  ]
  return lines.map((line) => `${line}\n`).join('')
}
