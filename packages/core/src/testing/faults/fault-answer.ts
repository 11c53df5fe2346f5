import type { ServerResponse } from 'node:http'

export interface FaultAnswer {
  readonly status: number
  /** As S3 names the error. */
  readonly code: string
  readonly message: string
}

/** R2's 10058: https://developers.cloudflare.com/r2/api/error-codes/ */
export const TOO_MANY_REQUESTS: FaultAnswer = {
  status: 429,
  code: 'TooManyRequests',
  message: 'Reduce your concurrent request rate for the same object. (10058)',
}

/** Answers with an S3 error instead of the store. */
export function answerFault(response: ServerResponse, { status, code, message }: FaultAnswer): void {
  const xml = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`
  response.writeHead(status, {
    'content-type': 'application/xml',
    'content-length': Buffer.byteLength(xml),
    'x-amz-request-id': 'fault-proxy',
  })
  // To a HEAD request node sends the headers alone.
  response.end(xml)
}
