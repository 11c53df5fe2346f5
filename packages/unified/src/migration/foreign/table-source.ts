import type { JsonValue, Namespace } from '@umbra/core'
import { readTable } from '@umbra/sqlite'
import type { ForeignSource } from './foreign-record.ts'
import { rawText } from './raw-text.ts'

export interface TableSourceOptions {
  readonly path: string
  readonly table: string
  readonly namespace: Namespace
  /** Default: the primary key, else the row id. */
  readonly idColumn?: string
}

type Converted = { readonly value: JsonValue } | { readonly problem: string }

const NOT_UTF8: Converted = { problem: 'is text that is not UTF-8' }

/** Every row of a table of any SQLite file, as one JSON record each. */
export function createTableSource({ path, table, namespace, idColumn }: TableSourceOptions): ForeignSource {
  return {
    async *records(reject) {
      for await (const { key, values, undecodable } of readTable(
        path,
        table,
        idColumn === undefined ? {} : { idColumn },
      )) {
        const place = `row ${key}`
        const fields: [string, JsonValue][] = []
        const problems: string[] = []
        for (const [name, value] of Object.entries(values)) {
          const converted = undecodable.includes(name) ? NOT_UTF8 : toJson(value)
          if ('problem' in converted) problems.push(`${name} ${converted.problem}`)
          else fields.push([name, converted.value])
        }
        if (key === '') problems.push('has nothing to be its id')
        if (problems.length > 0) {
          reject({ origin: table, place, reason: problems.join('; '), raw: rawText(values) })
        } else {
          const origin = `${table}, ${place}`
          const data = Object.fromEntries(fields)
          const metadata = { source: table }
          yield { namespace, id: key, origin, dataFormat: 'json', metadata, load: async () => data }
        }
      }
    },
  }
}

/** Exactly or not at all. */
function toJson(value: unknown): Converted {
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? { value: number } : { problem: 'is a number too large for JSON' }
  }
  if (typeof value === 'number')
    return Number.isFinite(value) ? { value } : { problem: `is ${value}, which JSON cannot hold` }
  if (value === null || typeof value === 'string') return { value }
  return { problem: 'is a blob, which JSON cannot hold' }
}
