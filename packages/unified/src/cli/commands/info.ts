import { parseSettings } from '@umbra/core'
import type { BackendHealth, StorageSettings } from '@umbra/core'
import type { Command } from 'commander'
import type { ListedBackend } from '../../migration/migration-context.ts'
import type { CliContext } from '../cli-context.ts'
import { createCommand, given } from '../create-command.ts'
import type { CreateCommand } from '../create-command.ts'
import { EXIT_CODES } from '../exit-codes.ts'
import { storesInUse, withStores } from '../open-stores.ts'
import { formatBytes, formatCount } from '../output/format-quantity.ts'
import { printResult } from '../output/print-result.ts'
import { renderTable } from '../output/render-table.ts'
import { summariseStore } from '../summarise-store.ts'
import type { StoreSummary } from '../summarise-store.ts'

interface InfoOptions {
  readonly json?: true
  readonly module?: string
  readonly user?: string
}

interface StoreInfo extends StoreSummary {
  readonly store: string
  readonly health: BackendHealth
}

/** `umbra info`: what is configured, whether it answers, and what it holds. */
export const createInfoCommand: CreateCommand = (context, finish): Command =>
  createCommand('info', 'show the backend, whether it answers, and what it holds')
    .option('--module <module>', 'only this module')
    .option('--user <user>', 'only this user')
    .action(async (options: InfoOptions) => {
      const settings = parseSettings(context.env)
      const stores = await withStores(storesInUse(settings), settings, (opened) =>
        Promise.all(opened.map((store) => describeStore(store, options))),
      )
      print(context, settings, stores, options)
      if (stores.some(({ health }) => !health.healthy)) finish(EXIT_CODES.unavailable)
    })

async function describeStore(store: ListedBackend, { module, user }: InfoOptions): Promise<StoreInfo> {
  const health = await store.health()
  return { store: store.name, health, ...(await summariseStore(store, given({ module, userId: user }))) }
}

function print(
  context: CliContext,
  { backend }: StorageSettings,
  stores: readonly StoreInfo[],
  options: InfoOptions,
): void {
  const rows = stores.flatMap(({ store, namespaces, blobs }) => [
    ...namespaces.map(({ module, userId, records, bytes }) => [
      store,
      module,
      userId,
      formatCount(records),
      formatBytes(bytes),
    ]),
    [store, '(blobs)', '', formatCount(blobs.blobs), formatBytes(blobs.bytes)],
  ])
  const columns = [
    { title: 'STORE' },
    { title: 'MODULE' },
    { title: 'USER' },
    { title: 'RECORDS', align: 'right' as const },
    { title: 'BYTES', align: 'right' as const },
  ]
  const health = stores.map(({ store, health }) => `${store}: ${health.message}, ${health.latencyMs} ms\n`)
  printResult(context, options, {
    document: { backend, stores },
    text: () => `backend: ${backend}\n${health.join('')}\n${renderTable(columns, rows)}`,
  })
}
