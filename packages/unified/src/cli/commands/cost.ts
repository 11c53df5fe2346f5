import { parseSettings } from '@umbra/core'
import type { Command } from 'commander'
import { priceOperations, priceStorage, R2_PRICES } from '../../migration/r2-prices.ts'
import { createCommand, given } from '../create-command.ts'
import type { CreateCommand } from '../create-command.ts'
import { storesInUse, withStores } from '../open-stores.ts'
import { formatBytes, formatCount, formatDollars } from '../output/format-quantity.ts'
import { printResult } from '../output/print-result.ts'
import { renderTable } from '../output/render-table.ts'
import { summariseStore, sumBy } from '../summarise-store.ts'
import type { StoreSummary } from '../summarise-store.ts'

interface CostOptions {
  readonly json?: true
  readonly module?: string
  readonly user?: string
}

/** Records that share one write of the manifest when they are stored in bulk. */
const RECORDS_PER_COMMIT = 1_000

/** `umbra cost`: what R2 charges for what is there. */
export const createCostCommand: CreateCommand = (context): Command =>
  createCommand('cost', 'what R2 charges for storing, writing and reading what is there')
    .option('--module <module>', 'only this module')
    .option('--user <user>', 'only this user')
    .addHelpText(
      'after',
      '\nOn sqlite: what the same data would cost on R2. The monthly free tier is not deducted.',
    )
    .action(async (options: CostOptions) => {
      const settings = parseSettings(context.env)
      const scope = given({ module: options.module, userId: options.user })
      const summary = await withStores(storesInUse(settings).slice(0, 1), settings, async ([store]) =>
        store === undefined
          ? { namespaces: [], blobs: { blobs: 0, bytes: 0 } }
          : summariseStore(store, scope),
      )
      const cost = estimateCost(summary)
      printResult(context, options, { document: cost, text: () => renderCost(cost) })
    })

/** Of the bodies and blobs that are current; manifests and older revisions add little to the bytes. */
export function estimateCost({ namespaces, blobs }: StoreSummary) {
  const records = sumBy(namespaces, (one) => one.records)
  const bytes = sumBy(namespaces, (one) => one.bytes) + blobs.bytes
  const commits = sumBy(namespaces, (one) => Math.ceil(one.records / RECORDS_PER_COMMIT))
  const writeAll = { classA: records + commits + blobs.blobs, classB: 0 }
  const readAll = { classA: 0, classB: records + namespaces.length + blobs.blobs }
  return {
    prices: R2_PRICES,
    records,
    blobs: blobs.blobs,
    bytes,
    storagePerMonth: priceStorage(bytes),
    writeAllOnce: { ...writeAll, dollars: priceOperations(writeAll) },
    readAllOnce: { ...readAll, dollars: priceOperations(readAll) },
  }
}

function renderCost(cost: ReturnType<typeof estimateCost>): string {
  const { writeAllOnce, readAllOnce } = cost
  return renderTable(
    [{ title: 'WHAT' }, { title: 'QUANTITY', align: 'right' }, { title: 'COST', align: 'right' }],
    [
      ['storage', formatBytes(cost.bytes), `${formatDollars(cost.storagePerMonth)}/month`],
      [
        'writing all of it once',
        `${formatCount(writeAllOnce.classA)} Class A`,
        formatDollars(writeAllOnce.dollars),
      ],
      [
        'reading all of it once',
        `${formatCount(readAllOnce.classB)} Class B`,
        formatDollars(readAllOnce.dollars),
      ],
    ],
  )
}
