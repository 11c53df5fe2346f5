import type { StorageRecord } from '@umbra/core'
import { confirm } from '../confirm.ts'
import { describeFilm, filmMetadata } from '../film.ts'
import { formatBytes, formatCount, formatDuration, formatRate } from '../output/format-quantity.ts'
import type { Stage } from '../stage.ts'
import { startStopwatch } from '../stopwatch.ts'

/** Records per call of `storeMany`: one atomic commit each. */
const BATCH_SIZE = 100

/** One JSON record per film. Resolves to the records, the best-known film first. */
export async function storeJson({ storage, data, out, namespaces }: Stage): Promise<StorageRecord[]> {
  const { films } = data
  out.scenario('Store JSON: one record per film')
  out.explain(
    `A record is any JSON value, kept for a module and a user. storeMany writes ${BATCH_SIZE} films in one commit: ` +
      'all of them or none. Once the call returns, they survive a crash.',
  )
  const elapsed = startStopwatch()
  const progress = out.progress({ total: films.length, unit: 'films' })
  const stored: StorageRecord[] = []
  for (let start = 0; start < films.length; start += BATCH_SIZE) {
    const batch = films.slice(start, start + BATCH_SIZE)
    const requests = batch.map((film) => ({ ...namespaces.films, data: film, metadata: filmMetadata(film) }))
    stored.push(...(await storage.storeMany(requests)))
    progress.advance(batch.length)
  }
  progress.stop()
  const milliseconds = elapsed()
  const bytes = stored.reduce((sum, { size }) => sum + size, 0)
  confirm(stored.length === films.length, 'every film became a record')
  out.result(
    `${formatCount(stored.length)} records, ${formatBytes(bytes)}, in ${formatDuration(milliseconds)}: ` +
      formatRate(stored.length, milliseconds, 'records'),
  )
  const [first] = stored
  if (first !== undefined) {
    out.data(`first    ${describeFilm(first.data)}`)
    out.data(`id       ${first.id}`)
    out.data(`key      ${first.storageKey}`)
    out.data(`etag     ${first.etag}`)
  }
  return stored
}
