import { join } from 'node:path'
import type { Environment, StorageSettings } from '@umbra/core'
import { createStorageManager } from '@umbra/unified'
import type { DemoBackend } from './arguments.ts'
import { openBucket } from './bucket.ts'
import type { Cleanup } from './cleanup.ts'
import type { Datasets } from './datasets.ts'
import { demoSettings, localR2Environment, namesBucket } from './demo-environment.ts'
import { demoNamespaces, namespacesOfRun, showLeftovers } from './demo-namespaces.ts'
import { formatCount, formatDuration } from './output/format-quantity.ts'
import type { Output } from './output/output.ts'
import type { DemoBucket, Stage } from './stage.ts'
import { startStopwatch } from './stopwatch.ts'
import { createKeptFolder, createTemporaryFolder } from './temporary-folder.ts'

/** Each film is an object of its own, and each object takes milliseconds: the tour should stay short. */
const FILMS_IN_BUCKET = 800

export interface StageOptions {
  readonly backend: DemoBackend
  readonly keep: boolean
  readonly env: Environment
  readonly data: Datasets
  readonly out: Output
  readonly cleanup: Cleanup
}

/** Opens fresh storage for one chapter; everything opened is handed to `cleanup`. */
export async function openStage(options: StageOptions): Promise<Stage> {
  const { backend, data, env, out, cleanup } = options
  const real = backend !== 'sqlite' && namesBucket(env)
  // With a real bucket alone there is nothing here to keep.
  const kept = options.keep && !(real && backend === 'r2')
  const folder = kept ? keepFolder(real, options) : createTemporaryFolder()
  const bucketEnv = real || backend === 'sqlite' ? env : await startServer(kept ? folder : undefined, options)
  const settings = demoSettings(backend, folder, bucketEnv)
  describePlace(settings, out)
  const openWriter = () => cleanup.open(createStorageManager(settings))
  const storage = await openWriter()
  if (real && settings.backend !== 'sqlite') cleanup.defer(async () => showLeftovers(settings.r2, out))
  return {
    storage,
    data: settings.backend === 'sqlite' ? data : fewerFilms(data, out),
    out,
    namespaces: real ? namespacesOfRun(new Date()) : demoNamespaces(),
    openSecondWriter: openWriter,
    bucket: bucketOf(settings, real, cleanup),
  }
}

function keepFolder(real: boolean, { backend, out, cleanup }: StageOptions): string {
  const folder = createKeptFolder()
  cleanup.defer(async () => {
    out.scenario('Kept, as you asked')
    if (backend !== 'r2') out.data(`${join(folder, 'umbra.sqlite')}   an ordinary SQLite database`)
    if (backend !== 'sqlite' && !real)
      out.data(`${join(folder, 'r2')}   startLocalR2({ dir }) serves it again`)
  })
  return folder
}

async function startServer(keptIn: string | undefined, { out, cleanup }: StageOptions): Promise<Environment> {
  out.explain("Starting a local R2 server: Cloudflare's own simulator. It needs no account and no network.")
  const elapsed = startStopwatch()
  const { startLocalR2 } = await import('@umbra/unified/local')
  const server = await cleanup.open(startLocalR2(keptIn === undefined ? {} : { dir: join(keptIn, 'r2') }))
  out.result(`ready after ${formatDuration(elapsed())}`)
  return localR2Environment(server)
}

function describePlace(settings: StorageSettings, out: Output): void {
  if (settings.backend !== 'r2') out.data(`database   ${settings.sqlite.path}`)
  if (settings.backend !== 'sqlite') out.data(`bucket     ${settings.r2.bucket} at ${settings.r2.endpoint}`)
}

function fewerFilms(data: Datasets, out: Output): Datasets {
  const films = data.films.slice(0, FILMS_IN_BUCKET)
  out.explain(
    `Of the ${formatCount(data.films.length)} films, the ${formatCount(films.length)} with the most votes are stored ` +
      'here: each becomes an object of its own, and the tour should stay short.',
  )
  return { ...data, films }
}

function bucketOf(settings: StorageSettings, real: boolean, cleanup: Cleanup): DemoBucket | undefined {
  if (settings.backend === 'sqlite') return undefined
  const { r2 } = settings
  return { real, open: () => cleanup.open(openBucket(r2)) }
}
