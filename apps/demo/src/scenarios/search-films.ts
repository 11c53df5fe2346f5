import { describeFilm } from '../film.ts'
import { formatCount, formatDuration } from '../output/format-quantity.ts'
import type { Stage } from '../stage.ts'
import { startStopwatch } from '../stopwatch.ts'

const QUERIES = [
  ['godfather', 'a word'],
  ['"lord of the rings"', 'a phrase'],
  ['"lord of the rings" -king', 'a phrase, without a word'],
  ['tarant', 'the beginning of a word'],
  ['tarantino genre:action', 'a word, and a fact from the metadata'],
] as const

const MAX_SHOWN = 6

/** One query language for every backend. */
export async function searchFilms({ storage, out, namespaces, data }: Stage): Promise<void> {
  const { module, userId } = namespaces.films
  out.scenario(`Search the text of ${formatCount(data.films.length)} films`)
  out.explain(
    'The texts and numbers of a record are indexed as it is stored, its metadata too; there is no search server to ' +
      'run. A query means the same on every backend, newest records first.',
  )
  for (const [query, meaning] of QUERIES) {
    const elapsed = startStopwatch()
    const { items, cursor } = await storage.searchData(module, userId, query, { limit: MAX_SHOWN })
    const more = cursor === undefined ? '' : ' and more'
    out.result(`${query}   ${meaning}: ${items.length} films${more} in ${formatDuration(elapsed())}`)
    if (items.length > 0) out.detail(items.map(({ data: film }) => describeFilm(film)).join(', '))
  }
}
