import { UmbraError } from '@umbra/core'
import express from 'express'
import type { Request, Response } from 'express'
import { unsupportedMediaType } from '../http-error.ts'

/** Reads a request's body as JSON: any value, not only objects. */
export type ReadJson = (request: Request, response: Response) => Promise<unknown>

/**
 * @param limitBytes - largest body, bytes, counted after decompression
 * @returns a reader that rejects with status 415 for another type, `TOO_LARGE`, or `INVALID_INPUT`
 */
export function createJsonReader(limitBytes: number): ReadJson {
  const readRaw = express.raw({ limit: limitBytes, type: () => true })
  return async (request, response) => {
    if (!isJson(request)) throw unsupportedMediaType('send application/json')
    await new Promise<void>((resolve, reject) => {
      readRaw(request, response, (error?: unknown) =>
        error === undefined ? resolve() : reject(asError(error)),
      )
    })
    const body: unknown = request.body
    return parse(body instanceof Uint8Array ? body : new Uint8Array())
  }
}

/** The media type of a request, in lower case and without parameters; empty when it names none. */
export function mediaType(request: Request): string {
  const [type = ''] = (request.get('content-type') ?? '').split(';')
  return type.trim().toLowerCase()
}

function isJson(request: Request): boolean {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(request.get('content-type') ?? '')?.[1] ?? 'utf-8'
  return mediaType(request) === 'application/json' && charset.toLowerCase() === 'utf-8'
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    // The parser's own message quotes the body.
    throw new UmbraError('INVALID_INPUT', 'the body is not json', { details: { field: 'body' } })
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('the body could not be read', { cause: error })
}
