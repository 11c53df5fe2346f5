import type { JsonObject, JsonValue } from '@umbra/core'

/** Title and year. Titles may be numbers (the film 1776), and one is missing in the data. */
export function describeFilm(film: unknown): string {
  return isObject(film) ? `${toText(film['Title'] ?? 'untitled')} (${yearOf(film)})` : 'not a film'
}

/** Small facts to filter by, where the data have them. */
export function filmMetadata(film: JsonObject): JsonObject {
  const genre = film['Major Genre']
  return { year: yearOf(film), ...(typeof genre === 'string' && { genre }) }
}

/** Dates in the data look like `Jun 12 1998`. */
function yearOf(film: JsonObject): number {
  return Number(toText(film['Release Date']).slice(-4))
}

function toText(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null
}
