import { z } from 'zod'
import { ANY_AGE } from '../backend/consistency.ts'
import type { Consistency } from '../backend/consistency.ts'
import type { JsonPrimitive } from '../json.ts'
import { RESERVED_MODULES } from '../keys/key-paths.ts'
import { DATA_FORMATS } from '../records/data-format.ts'
import { isRecordEtag } from '../records/record-etag.ts'

function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function isJsonPrimitive(value: unknown): boolean {
  return value === null || ['string', 'boolean'].includes(typeof value) || Number.isFinite(value)
}

function isFilter(value: unknown): boolean {
  return isRecord(value) && Object.values(value).every(isJsonPrimitive)
}

/** Longest module, user id, record id and filename, in characters. */
const MAX_NAME_CHARACTERS = 200

const name = z
  .string()
  .min(1, 'must not be empty')
  .max(MAX_NAME_CHARACTERS, `must have at most ${MAX_NAME_CHARACTERS} characters`)
  .refine((text) => text.isWellFormed(), 'must be well-formed unicode (it holds a lone surrogate)')
  // One spelling per name: R2 itself folds NFC and NFD keys together.
  .transform((text) => text.normalize('NFC'))

const moduleName = name.refine((text) => !RESERVED_MODULES.some((reserved) => reserved === text), {
  message: `must not be a reserved name (${RESERVED_MODULES.join(', ')})`,
})

const recordEtag = z
  .string()
  .refine(isRecordEtag, 'must be an etag as returned by this library, such as "1-9f86d0..."')
const blobEtag = z.string().regex(/^[0-9a-f]{32}$/, 'must be a blob etag as returned by this library')
// Not z.record, which silently leaves out a key named `__proto__`.
const metadata = z.custom<Readonly<Record<string, unknown>>>(isRecord, 'must be a plain object')
const expiresIn = z.int().min(1, 'must be 1 to 604800 seconds').max(604_800, 'must be 1 to 604800 seconds')

const moment = z
  .union([z.date(), z.iso.datetime({ offset: true }), z.iso.date()], 'must be a Date or an ISO 8601 time')
  .transform((value) => new Date(value).toISOString())

export const namespaceSchema = z.strictObject({ module: moduleName, userId: name })
export const recordAddressSchema = namespaceSchema.extend({ recordId: name })

export const storeRequestSchema = namespaceSchema.extend({
  data: z.unknown(),
  dataFormat: z.enum(DATA_FORMATS).default('json'),
  id: name.optional(),
  metadata: metadata.optional(),
  filename: name.optional(),
  contentType: z
    .string()
    .regex(/^[\w.+-]+\/[\w.+-]+(?:\s*;\s*[\w-]+=[\w.+-]+)*$/, 'must be a media type such as image/png')
    .optional(),
})

export const importOptionsSchema = z.strictObject({
  onProgress: z
    .custom<(progress: { readonly committed: number }) => void>((value) => typeof value === 'function')
    .optional(),
})

export const updateRequestSchema = recordAddressSchema.extend({
  data: z.unknown(),
  ifMatch: recordEtag.optional(),
  metadata: metadata.optional(),
})

export const searchQuerySchema = z.strictObject({ query: z.string() })

const consistency = z
  .union(
    [
      z.literal('strong'),
      z.strictObject({ maxAgeMs: z.number().min(0).or(z.literal(Number.POSITIVE_INFINITY)) }),
      z.strictObject({ snapshot: z.string().min(1) }),
    ],
    "must be 'strong', { maxAgeMs } or { snapshot }",
  )
  .transform((value): Consistency => {
    if (value === 'strong') return { kind: 'strong' }
    return 'maxAgeMs' in value
      ? { kind: 'bounded', maxAgeMs: Math.min(value.maxAgeMs, ANY_AGE) }
      : { kind: 'pinned', snapshot: value.snapshot }
  })

export const deleteOptionsSchema = z.strictObject({
  ifMatch: recordEtag.optional(),
  hard: z.boolean().default(false),
})
export const infoOptionsSchema = z.strictObject({ consistency: consistency.exactOptional() })
export const retrieveOptionsSchema = infoOptionsSchema.extend({ verify: z.boolean().default(true) })

export const openOptionsSchema = retrieveOptionsSchema.extend({
  range: z
    .strictObject({ start: z.int().min(0), end: z.int().min(0).optional() })
    .refine(({ start, end }) => end === undefined || end >= start, 'end must not be before start')
    .optional(),
})

export const listOptionsSchema = retrieveOptionsSchema.extend({
  order: z.enum(['newest', 'oldest']).optional(),
  limit: z.int().min(1, 'must be 1 to 10000').max(10_000, 'must be 1 to 10000').default(100),
  cursor: z.string().optional(),
  from: moment.optional(),
  to: moment.optional(),
  dataFormat: z.enum(DATA_FORMATS).optional(),
  metadata: z
    .custom<Readonly<Record<string, JsonPrimitive>>>(isFilter, 'must be an object of plain values')
    .optional(),
})

export const searchOptionsSchema = listOptionsSchema.extend({
  mode: z.enum(['words', 'substring']).default('words'),
})

export const presignOptionsSchema = z.strictObject({
  expiresIn: expiresIn.default(3_600),
  downloadAs: name.optional(),
})

export const presignUploadSchema = namespaceSchema.extend({
  contentType: storeRequestSchema.shape.contentType.unwrap(),
  expiresIn: expiresIn.default(3_600),
})

export const finalizeUploadSchema = namespaceSchema.extend({
  uploadId: z.ulid('must be an upload id as returned by createUpload'),
  filename: name.optional(),
  metadata: metadata.optional(),
})

export const blobKeySchema = z
  .string()
  .min(1, 'must not be empty')
  .max(600, 'must have at most 600 characters')
  .refine((text) => text.isWellFormed(), 'must be well-formed unicode (it holds a lone surrogate)')
  .refine((text) => text.split('/').every((part) => part !== ''), 'must not have empty parts between slashes')

export const blobWriteOptionsSchema = z
  .strictObject({ ifMatch: blobEtag.optional(), ifNoneMatch: z.literal('*').optional() })
  .refine((options) => options.ifMatch === undefined || options.ifNoneMatch === undefined, {
    message: 'ifMatch and ifNoneMatch exclude each other',
  })

export const blobReadOptionsSchema = z.strictObject({
  consistency: z
    .literal('strong', "must be 'strong'")
    .transform((kind) => ({ kind }))
    .exactOptional(),
})

export const blobDeleteOptionsSchema = z.strictObject({ ifMatch: blobEtag.optional() })

export const syncOptionsSchema = z.strictObject({ timeoutMs: z.int().min(0).exactOptional() })

export const resolutionSchema = z.strictObject({
  id: z.string().min(1),
  action: z.enum(['retry', 'discard']),
})

export type ParsedStoreRequest = z.infer<typeof storeRequestSchema>
export type ParsedUpdateRequest = z.infer<typeof updateRequestSchema>
export type ParsedListOptions = z.infer<typeof listOptionsSchema>
export type ParsedFinalizeRequest = z.infer<typeof finalizeUploadSchema>
