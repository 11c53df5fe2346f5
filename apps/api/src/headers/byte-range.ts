import type { ByteRange } from '@umbra/core'
import type { Request } from 'express'
import { HttpError } from '../http-error.ts'

/** What is asked for of a body, as inclusive positions. */
export type RangeRequest = Required<ByteRange>

/**
 * The one range a request asks for; undefined when the whole body is the right answer: no `Range`, one that is not
 * understood, several ranges, or an `If-Range` with another version.
 *
 * @throws status 416 when the range lies outside the body
 */
export function requestedRange(
  request: Request,
  version: { readonly etag: string; readonly size: number },
): RangeRequest | undefined {
  const ifRange = request.get('if-range')
  if (ifRange !== undefined && ifRange !== `"${version.etag}"`) return undefined
  const ranges = request.range(version.size)
  if (ranges === -1) {
    throw new HttpError('INVALID_INPUT', `the range lies outside the body. bytes=${version.size}`, {
      status: 416,
      headers: { 'content-range': `bytes */${version.size}` },
      details: { field: 'range', bytes: version.size },
    })
  }
  if (ranges === undefined || ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1)
    return undefined
  const [range] = ranges
  return range === undefined ? undefined : { start: range.start, end: range.end }
}
