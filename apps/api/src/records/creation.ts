import type { JsonObject, JsonPrimitive, Namespace } from '@umbra/core'
import { parseInput } from '@umbra/core'
import type { Request, Response } from 'express'
import { z } from 'zod'
import { jsonRows } from '../bodies/json-rows.ts'
import { mediaType } from '../bodies/json-body.ts'
import type { ReadJson } from '../bodies/json-body.ts'
import { requestBytes } from '../bodies/request-bytes.ts'
import { parseFilename } from '../headers/content-disposition.ts'
import { defined } from '../defined.ts'
import { unsupportedMediaType } from '../http-error.ts'
import { metadata, recordId } from '../schemas/names.ts'
import { digestBytes, digestRows, sameData } from './idempotent-create.ts'
import type { Creation } from './idempotent-create.ts'

export interface BodyReaders {
  readonly readJson: ReadJson
  /** Longest line of a JSON lines body, bytes. */
  readonly maxLineBytes: number
}

/** A JSON request for a new record. */
export const createBody = z
  .strictObject({
    data: z.unknown().meta({ description: 'A JSON value; { records: [...] } for jsonl and parquet' }),
    dataFormat: z.enum(['json', 'jsonl', 'parquet']).default('json'),
    id: recordId.optional(),
    metadata: metadata.optional(),
  })
  .refine((body) => body.data !== undefined, { path: ['data'], message: 'is missing' })
  .meta({ id: 'NewRecord' })

/** A JSON request for a record's new data. */
export const updateBody = z
  .strictObject({
    data: z.unknown().meta({ description: "The new data, in the record's own format" }),
    metadata: metadata.optional().meta({ description: 'Left out: kept as it is' }),
  })
  .refine((body) => body.data !== undefined, { path: ['data'], message: 'is missing' })
  .meta({ id: 'NewRevision' })

/** What a streamed body cannot say itself. */
export interface StreamDescription {
  readonly id?: string | undefined
  readonly filename?: string | undefined
  readonly metadata?: Readonly<Record<string, JsonPrimitive>> | undefined
}

interface Exchange {
  readonly request: Request
  readonly response: Response
}

/** Turns a request into what to store: JSON is read, everything else is left to stream. */
export async function toCreation(
  { request, response }: Exchange,
  namespace: Namespace,
  description: StreamDescription,
  readers: BodyReaders,
): Promise<Creation> {
  const type = mediaType(request)
  if (type === 'application/json') {
    const { data, dataFormat, ...optional } = parseInput(
      createBody,
      await readers.readJson(request, response),
    )
    const named = defined({ ...description, ...defined(optional) })
    return { request: { ...namespace, data, dataFormat, ...named }, isStoredAs: sameData(data) }
  }
  assertStreamable(type)
  if (type === 'application/x-ndjson') {
    const { items, isStoredAs } = digestRows(jsonRows(requestBytes(request), readers.maxLineBytes))
    const data = { records: items }
    return { request: { ...namespace, ...defined(description), data, dataFormat: 'jsonl' }, isStoredAs }
  }
  const { items, isStoredAs } = digestBytes(requestBytes(request))
  const filename = description.filename ?? parseFilename(request.get('content-disposition'))
  const binary = { dataFormat: 'binary', contentType: request.get('content-type') ?? type } as const
  return {
    request: { ...namespace, ...defined({ ...description, filename }), ...binary, data: items },
    isStoredAs,
  }
}

/** New data for a record, read or streamed by the same rules. */
export async function toRevision(
  { request, response }: Exchange,
  readers: BodyReaders,
): Promise<{ readonly data: unknown; readonly metadata?: JsonObject }> {
  const type = mediaType(request)
  if (type === 'application/json') {
    const { data, ...optional } = parseInput(updateBody, await readers.readJson(request, response))
    return { data, ...defined(optional) }
  }
  assertStreamable(type)
  if (type === 'application/x-ndjson') {
    return { data: { records: jsonRows(requestBytes(request), readers.maxLineBytes) } }
  }
  return { data: requestBytes(request) }
}

/** Forms arrive by mistake (they are what browsers and curl send unasked) and would be stored with their wrapping. */
function assertStreamable(type: string): void {
  if (type === '') throw unsupportedMediaType('name the content type of the body')
  if (type === 'multipart/form-data' || type === 'application/x-www-form-urlencoded') {
    throw unsupportedMediaType('send the file itself as the body, not a form')
  }
}
