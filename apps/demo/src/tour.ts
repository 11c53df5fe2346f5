import type { DemoBackend } from './arguments.ts'
import { loadDatasets } from './datasets.ts'
import { openStage } from './open-stage.ts'
import type { StageOptions } from './open-stage.ts'
import { downloadByLink } from './scenarios/download-by-link.ts'
import { retrieveRecords } from './scenarios/retrieve-records.ts'
import { searchFilms } from './scenarios/search-films.ts'
import { showBucket } from './scenarios/show-bucket.ts'
import { storeFile } from './scenarios/store-file.ts'
import { storeJson } from './scenarios/store-json.ts'
import { storeJsonl } from './scenarios/store-jsonl.ts'
import { storeParquet } from './scenarios/store-parquet.ts'
import { updateUnderConflict } from './scenarios/update-under-conflict.ts'
import type { Stage } from './stage.ts'
import { showNextSteps } from './what-next.ts'

export interface TourOptions extends Omit<StageOptions, 'backend' | 'data'> {
  readonly backends: readonly DemoBackend[]
}

const CHAPTERS: Readonly<Record<DemoBackend, { readonly name: string; readonly about: string }>> = {
  sqlite: {
    name: 'SQLite',
    about: 'One database file and no server. This is what you get until R2 is configured.',
  },
  r2: {
    name: 'R2',
    about:
      'A bucket and no database server. The same calls; the records become objects that anybody can read.',
  },
  hybrid: {
    name: 'R2 and SQLite together (hybrid)',
    about: 'Every record goes to R2 and to SQLite. Reads prefer R2 and fall back to SQLite.',
  },
}

/** One chapter for each backend: the same scenarios, the same calls. */
export async function runTour({ backends, ...options }: TourOptions): Promise<void> {
  const { out, cleanup } = options
  out.title('Umbra Storage: a guided demonstration')
  out.explain(
    'Application records in Cloudflare R2, with no database server to run, and SQLite where there is no R2. The data are ' +
      'real: films, bird strikes and flights from the npm package vega-datasets.',
  )
  const data = await loadDatasets()
  for (const [index, backend] of backends.entries()) {
    const { name, about } = CHAPTERS[backend]
    out.chapter(backends.length === 1 ? name : `Chapter ${index + 1} of ${backends.length}: ${name}`)
    out.explain(about)
    await runChapter(await openStage({ ...options, backend, data }))
    await cleanup.run()
  }
  showNextSteps(out, backends)
}

async function runChapter(stage: Stage): Promise<void> {
  const films = await storeJson(stage)
  await storeJsonl(stage)
  await storeParquet(stage)
  const file = await storeFile(stage)
  await retrieveRecords(stage, films)
  await searchFilms(stage)
  for (const film of films.slice(0, 1)) await updateUnderConflict(stage, film)
  await downloadByLink(stage, file)
  if (stage.bucket !== undefined) await showBucket(stage, stage.bucket)
}
