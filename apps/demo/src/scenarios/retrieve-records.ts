import { isDeepStrictEqual } from 'node:util'
import type { StorageRecord } from '@umbra/core'
import { confirm } from '../confirm.ts'
import { describeFilm } from '../film.ts'
import { formatBytes, formatCount, formatDuration, formatRate } from '../output/format-quantity.ts'
import type { Stage } from '../stage.ts'
import { startStopwatch } from '../stopwatch.ts'

const PAGE_SIZE = 3

/** One record, a page of them, all of them. */
export async function retrieveRecords(stage: Stage, stored: readonly StorageRecord[]): Promise<void> {
  stage.out.scenario('Retrieve: one record, a page, everything')
  stage.out.explain(
    'Every body is checked against the SHA-256 that was recorded when it was stored, so damage is an error and never ' +
      'a wrong answer.',
  )
  await retrieveOne(stage, stored)
  await showPages(stage)
  await iterateAll(stage, stored)
}

async function retrieveOne(
  { storage, out, namespaces }: Stage,
  stored: readonly StorageRecord[],
): Promise<void> {
  const { module, userId } = namespaces.films
  const [first] = stored
  const elapsed = startStopwatch()
  const record = await storage.retrieveData(module, userId, first?.id ?? '')
  confirm(isDeepStrictEqual(record?.data, first?.data), 'the film came back as it was')
  out.result(`${describeFilm(record?.data)} by its id, in ${formatDuration(elapsed())}`)
}

async function showPages({ storage, out, namespaces }: Stage): Promise<void> {
  const { module, userId } = namespaces.films
  let cursor: string | undefined
  for (const name of ['first', 'second']) {
    const page = await storage.listData(module, userId, {
      limit: PAGE_SIZE,
      ...(cursor !== undefined && { cursor }),
    })
    out.result(`${name} page of ${PAGE_SIZE}: ${page.items.map(({ data }) => describeFilm(data)).join(', ')}`)
    cursor = page.cursor
  }
}

async function iterateAll(
  { storage, out, namespaces }: Stage,
  stored: readonly StorageRecord[],
): Promise<void> {
  const { module, userId } = namespaces.films
  const elapsed = startStopwatch()
  const progress = out.progress({ total: stored.length, unit: 'records' })
  let count = 0
  let bytes = 0
  for await (const record of storage.iterateData(module, userId)) {
    count++
    bytes += record.size
    progress.advance(1)
  }
  progress.stop()
  const milliseconds = elapsed()
  confirm(count === stored.length, 'iterating meets every record once')
  out.result(
    `all ${formatCount(count)} records, ${formatBytes(bytes)}, in ${formatDuration(milliseconds)}: ` +
      formatRate(count, milliseconds, 'records'),
  )
}
