import type { Command } from 'commander'
import { createCommand, given, moment, wholeNumber } from '../create-command.ts'
import type { CreateCommand } from '../create-command.ts'
import { withStorage } from '../open-stores.ts'
import { formatBytes } from '../output/format-quantity.ts'
import { printResult } from '../output/print-result.ts'
import { renderTable } from '../output/render-table.ts'

interface SearchOptions {
  readonly json?: true
  readonly limit: number
  readonly oldest?: true
  readonly substring?: true
  readonly since?: string
  readonly cursor?: string
}

const COLUMNS = [
  { title: 'ID' },
  { title: 'STORED' },
  { title: 'FORMAT' },
  { title: 'BYTES', align: 'right' as const },
  { title: 'METADATA' },
]

/** `umbra search`: records whose text matches. */
export const createSearchCommand: CreateCommand = (context): Command =>
  createCommand('search', 'list records whose text matches: words, "phrases", -exclusions, field:value')
    .argument('<module>')
    .argument('<user>')
    .argument('<words...>')
    .option('--limit <count>', 'most records to show', wholeNumber(1, 10_000), 20)
    .option('--oldest', 'oldest first instead of newest first')
    .option('--substring', 'the text anywhere, also inside of words')
    .option('--since <time>', 'only records stored at or after this moment', moment)
    .option('--cursor <cursor>', 'go on after a previous page')
    .action((module: string, user: string, words: readonly string[], options: SearchOptions) =>
      withStorage(context.env, async (storage) => {
        const { limit, since: from, cursor } = options
        const page = await storage.searchEntries(module, user, words.join(' '), {
          limit,
          order: options.oldest === true ? 'oldest' : 'newest',
          mode: options.substring === true ? 'substring' : 'words',
          ...given({ from, cursor }),
        })
        const rows = page.items.map(({ id, timestamp, dataFormat, size, metadata }) => [
          id,
          timestamp,
          dataFormat,
          formatBytes(size),
          JSON.stringify(metadata),
        ])
        printResult(context, options, { document: page, text: () => renderTable(COLUMNS, rows) })
        if (page.cursor !== undefined && options.json !== true)
          context.stderr.write(`there are more; --cursor ${page.cursor}\n`)
      }),
    )
