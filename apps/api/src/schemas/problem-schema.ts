import { ERROR_CODES } from '@umbra/core'
import type { ErrorCode } from '@umbra/core'
import { z } from 'zod'
import type { ZodOpenApiResponsesObject } from 'zod-openapi'

// The keys of the table are its codes.
const codes = Object.keys(ERROR_CODES) as ErrorCode[]

/** RFC 9457. Members beyond these are facts such as `field`, `issues` or `currentEtag`. */
export const problem = z
  .looseObject({
    type: z.string().meta({ example: 'urn:umbra:error:NOT_FOUND' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(codes).meta({ description: 'Stable: branch on this' }),
    instance: z.string().meta({ description: 'The id of the request, as in X-Request-Id and the log' }),
  })
  .meta({ id: 'Problem' })

const DESCRIPTIONS = {
  400: 'The request is malformed',
  401: 'No valid credentials',
  403: 'The credentials do not cover this module and user',
  404: 'There is no such thing',
  409: 'The id is taken, or too many writers at once',
  412: 'Somebody else wrote first; the ETag header has the current version',
  413: 'Larger than the limit',
  415: 'The content type or encoding is not taken here',
  416: 'The range lies outside the body',
  428: 'If-Match is required',
  429: 'Too many requests; Retry-After says when to go on',
  501: 'This backend cannot do that',
  503: 'The storage does not answer; try later',
} as const

type ProblemStatus = keyof typeof DESCRIPTIONS

/** The failures an operation documents. */
export function problems(...statuses: readonly ProblemStatus[]): ZodOpenApiResponsesObject {
  return Object.fromEntries(
    statuses.map((status) => [
      String(status),
      { description: DESCRIPTIONS[status], content: { 'application/problem+json': { schema: problem } } },
    ]),
  )
}
