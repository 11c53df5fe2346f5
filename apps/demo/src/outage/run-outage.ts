import { isDeepStrictEqual } from 'node:util'
import type { StorageManager, StorageRecord, StorageSettings } from '@umbra/core'
import { createStorageManager } from '@umbra/unified'
import type { Cleanup } from '../cleanup.ts'
import { confirm } from '../confirm.ts'
import { loadDatasets } from '../datasets.ts'
import { demoSettings, localR2Environment } from '../demo-environment.ts'
import { demoNamespaces } from '../demo-namespaces.ts'
import { describeFilm } from '../film.ts'
import { formatDuration } from '../output/format-quantity.ts'
import type { Output } from '../output/output.ts'
import { startStopwatch } from '../stopwatch.ts'
import { createTemporaryFolder } from '../temporary-folder.ts'
import { createLocalServer } from './local-server.ts'

export interface OutageOptions {
  readonly out: Output
  readonly cleanup: Cleanup
}

const BEFORE = 100
const DURING = 25

const { films: AT } = demoNamespaces()

/** R2 goes away in the middle of work: nothing stops, nothing is lost, nothing is stored twice. */
export async function runOutage({ out, cleanup }: OutageOptions): Promise<void> {
  out.title('Umbra Storage: an outage of R2')
  out.explain(
    'Every write to R2 is first a row in a local database, the outbox. While R2 does not answer, writes stay there and ' +
      'resolve as pending. A local R2 server is really stopped and started again here.',
  )
  const { films } = await loadDatasets()
  const folder = createTemporaryFolder()
  const server = createLocalServer(folder, cleanup)
  const settings = demoSettings('r2', folder, localR2Environment(await server.start()))
  const first = await openStorage({ settings, out, cleanup })

  out.scenario('R2 answers')
  const before = await first.storeMany(films.slice(0, BEFORE).map((data) => ({ ...AT, data })))
  confirm(
    before.every(({ pending }) => !pending),
    'what is stored while R2 answers is committed',
  )
  out.result(`${before.length} films are in R2`)

  out.scenario('R2 goes away')
  await server.stop()
  out.data(`the server at ${settings.backend === 'r2' ? settings.r2.endpoint : ''} is stopped`)
  const during = await storeAway(first, { before, films: films.slice(BEFORE, BEFORE + DURING), out })
  await showHealth(first, out)

  out.scenario('The application is started again, still without R2')
  await first.close()
  const second = await openStorage({ settings, out, cleanup })
  const waiting = (await second.health()).outbox?.depth
  confirm(waiting === during.length, 'what is pending survives the application')
  out.result(`it opens, and the same ${waiting} writes are pending: they are in ${settings.sqlite.path}`)

  out.scenario('R2 is back')
  await server.start()
  const elapsed = startStopwatch()
  const { pending } = await second.sync({ timeoutMs: 60_000 })
  confirm(pending === 0, 'everything pending is sent')
  out.result(`drained ${formatDuration(elapsed())} after the server was: nothing is pending`)
  await compare(settings, { stored: latest([...before, ...during]), out, cleanup })
}

async function openStorage({
  settings,
  out,
  cleanup,
}: OutageOptions & { readonly settings: StorageSettings }): Promise<StorageManager> {
  const storage = await cleanup.open(createStorageManager(settings))
  storage.on('degraded', ({ reason }) => out.data(`event   degraded: ${reason.code}, ${reason.message}`))
  storage.on('recovered', ({ pending }) => out.data(`event   recovered: ${pending} pending`))
  storage.on('conflict', ({ error }) => out.data(`event   conflict: ${error.code}`))
  storage.on('drained', () => out.data('event   drained'))
  return storage
}

/** New films, and a change of the best-known one. */
async function storeAway(
  storage: StorageManager,
  {
    before,
    films,
    out,
  }: {
    readonly before: readonly StorageRecord[]
    readonly films: readonly StorageRecord['data'][]
    readonly out: Output
  },
): Promise<StorageRecord[]> {
  const elapsed = startStopwatch()
  const stored: StorageRecord[] = []
  for (const data of films) stored.push(await storage.storeData({ ...AT, data }))
  for (const { id: recordId, data, etag: ifMatch } of before.slice(0, 1)) {
    const changed = { ...Object(data), 'Seen during the outage': true }
    stored.push(await storage.updateData({ ...AT, recordId, data: changed, ifMatch }))
    out.data(`updated ${describeFilm(data)}, over exactly the version that was read before`)
  }
  confirm(
    stored.every((one) => one.pending),
    'what is stored while R2 is away is pending',
  )
  out.result(
    `${stored.length} more writes in ${formatDuration(elapsed())}, each on the local disk: pending: true`,
  )
  const read = await storage.retrieveData(AT.module, AT.userId, stored[0]?.id ?? '')
  confirm(read?.stale !== undefined, 'a read says that R2 could not be asked')
  out.result(`read at once: ${describeFilm(read.data)}; it says that R2 was last seen at ${read.stale.asOf}`)
  return stored
}

async function showHealth(storage: StorageManager, out: Output): Promise<void> {
  const { healthy, outbox } = await storage.health()
  confirm(!healthy && outbox !== undefined, 'health tells of the outage')
  out.data(
    `health  healthy: ${healthy}, breaker: ${outbox?.breaker}, pending: ${outbox?.depth}, bytes: ${outbox?.bytes}`,
  )
}

/** The last version of each record. */
function latest(records: readonly StorageRecord[]): StorageRecord[] {
  return [...new Map(records.map((record) => [record.id, record])).values()]
}

/** Past the outbox, by a client that has only the bucket. */
async function compare(
  settings: StorageSettings,
  { stored, out, cleanup }: OutageOptions & { readonly stored: readonly StorageRecord[] },
): Promise<void> {
  if (settings.backend === 'sqlite') return
  const { createR2StorageManager } = await import('@umbra/unified/local')
  const { secretAccessKey } = settings.r2
  const direct = await cleanup.open(createR2StorageManager({ ...settings.r2, secretAccessKey }))
  const found = await direct.storage.retrieveData(AT.module, AT.userId)
  const facts = (records: readonly StorageRecord[]) =>
    new Map(records.map(({ id, etag, revision, data }) => [id, { etag, revision, data }]))
  confirm(found.length === stored.length, 'R2 holds every record once')
  confirm(isDeepStrictEqual(facts(found), facts(stored)), 'R2 holds what the calls returned')
  out.result(
    `read from the bucket alone: ${found.length} records, each once; data, revisions and etags are those the calls returned, ` +
      'also while R2 was away',
  )
}
