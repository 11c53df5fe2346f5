import { DATA_FORMATS } from '@umbra/core'
import type { JsonPrimitive, ListOptions, RetrieveOptions } from '@umbra/core'
import { z } from 'zod'
import 'zod-openapi'
import { defined } from '../defined.ts'
import { consistency } from './consistency.ts'

const MAX_LIMIT = 1_000
const moment = z.union([z.iso.datetime({ offset: true }), z.iso.date()], 'must be an ISO 8601 date or time')

/** `metadata.<key>=<value>` parameters, as {@link readQuery} gathers them. */
export const metadataFilter = z
  .record(z.string(), z.string())
  .transform((values) =>
    Object.fromEntries(Object.entries(values).map(([key, text]) => [key, toPrimitive(text)])),
  )
  .meta({
    description:
      'Written as metadata.<key>=<value>. Numbers, true, false and null are taken as such; quote them ("2024") for text',
    param: { style: 'form', explode: true },
    override: {
      type: 'object',
      patternProperties: { '^metadata\\.': { type: 'string' } },
      additionalProperties: false,
    },
  })

export const listQuery = {
  limit: z
    .string()
    .regex(/^[1-9]\d*$/, `must be 1 to ${MAX_LIMIT}`)
    .transform(Number)
    .refine((limit) => limit <= MAX_LIMIT, `must be 1 to ${MAX_LIMIT}`)
    .meta({
      description: 'Most records per page; default 100',
      override: { type: 'integer', minimum: 1, maximum: MAX_LIMIT },
    })
    .optional(),
  cursor: z.string().meta({ description: 'From the previous page' }).optional(),
  from: moment.meta({ description: 'Only records stored at or after this moment' }).optional(),
  to: moment.meta({ description: 'Only records stored before this moment' }).optional(),
  format: z.enum(DATA_FORMATS).meta({ description: 'Only records of this format' }).optional(),
  order: z.enum(['newest', 'oldest']).optional(),
  metadata: metadataFilter.optional(),
  consistency,
}

const listQueryObject = z.object(listQuery)

/** The library's options for a parsed query. */
export function toListOptions(query: z.output<typeof listQueryObject>): ListOptions {
  const { format, ...same } = query
  return defined({ ...same, dataFormat: format })
}

/** How the records behind such a listing are read. */
export function toReading({ consistency }: ListOptions): RetrieveOptions {
  return defined({ consistency })
}

function toPrimitive(text: string): JsonPrimitive {
  if (!/^(-?\d|"|true$|false$|null$)/.test(text)) return text
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? text : (value as JsonPrimitive)
  } catch {
    // Something like 2024-05-01: not JSON, so it is the text it looks like.
    return text
  }
}
