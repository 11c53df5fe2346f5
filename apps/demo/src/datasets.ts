import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { UmbraError } from '@umbra/core'
import type { JsonObject } from '@umbra/core'
import { parseCsv } from './parse-csv.ts'

/** Real data, from the npm package vega-datasets. */
export interface Datasets {
  /** The films people know first, by number of votes on IMDB. */
  readonly films: readonly JsonObject[]
  readonly birdstrikes: readonly JsonObject[]
  readonly flights: readonly JsonObject[]
  /** Path of a Parquet file with 3 million flights, written by somebody else. */
  readonly flightsFile: string
}

export async function loadDatasets(): Promise<Datasets> {
  // The package exports its code alone; its data lie beside it.
  const folder = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '..', 'data')
  const read = (name: string) => readFile(join(folder, name), 'utf8')
  const films = toRows(JSON.parse(await read('movies.json')), 'movies.json')
  return {
    films: films.toSorted((a, b) => Number(b['IMDB Votes']) - Number(a['IMDB Votes'])),
    birdstrikes: parseCsv(await read('birdstrikes.csv')),
    flights: toRows(JSON.parse(await read('flights-200k.json')), 'flights-200k.json'),
    flightsFile: join(folder, 'flights-3m.parquet'),
  }
}

function toRows(value: unknown, name: string): JsonObject[] {
  if (Array.isArray(value) && value.every((row) => typeof row === 'object' && row !== null)) return value
  throw new UmbraError(
    'CORRUPT',
    `a data file holds no list of objects; reinstall vega-datasets. file=${name}`,
  )
}
