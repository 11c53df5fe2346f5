import type { ErrorRequestHandler } from 'express'
import { toProblem } from '../problem-details.ts'
import { logFailure, requestId } from './log-requests.ts'

/** Headers a handler may have set for the answer it did not come to send. */
const ANSWER_HEADERS = [
  'etag',
  'location',
  'content-length',
  'content-range',
  'content-disposition',
  'accept-ranges',
]

/** Last of all: turns every failure into a problem. Express knows an error handler by its four parameters. */
export const handleErrors: ErrorRequestHandler = (error: unknown, request, response, _next) => {
  if (response.headersSent) {
    // Half an answer must not look like a whole one.
    if (!response.writableEnded) {
      logFailure(response, error)
      response.destroy()
    }
    return
  }
  if (request.destroyed && !request.complete) return
  const problem = toProblem(error, requestId(response))
  if (problem.status >= 500) logFailure(response, error)
  for (const name of ANSWER_HEADERS) response.removeHeader(name)
  response.status(problem.status).set(problem.headers)
  response.type('application/problem+json').send(JSON.stringify(problem.body))
}
