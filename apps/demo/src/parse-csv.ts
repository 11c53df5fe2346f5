import { UmbraError } from '@umbra/core'
import type { JsonObject } from '@umbra/core'

/**
 * Reads simple CSV, with names in the first line and numbers as numbers.
 *
 * @throws `UNSUPPORTED` for quoted fields and for lines of another length than the first.
 */
export function parseCsv(text: string): JsonObject[] {
  if (text.includes('"')) throw new UmbraError('UNSUPPORTED', 'quoted csv fields are not read here')
  const [header = '', ...lines] = text.trimEnd().split(/\r?\n/)
  const names = header.split(',')
  return lines.map((line, index) => {
    const fields = line.split(',')
    if (fields.length === names.length) {
      return Object.fromEntries(names.map((name, column) => [name, toValue(fields[column] ?? '')]))
    }
    throw new UmbraError('UNSUPPORTED', `a csv line has too many or too few fields. line=${index + 2}`)
  })
}

function toValue(field: string): string | number {
  return /^-?\d+(\.\d+)?$/.test(field) ? Number(field) : field
}
