import { z } from 'zod'

/** 1 GiB: room for the search index and manifest of several million records. */
const DEFAULT_CACHE_BYTES = 1024 ** 3

/** Long enough that a signing key cannot be guessed: 32 characters, as many as HMAC-SHA-256 has bytes. */
const MIN_SECRET_CHARACTERS = 32

const text = z.string().optional()

const flag = z
  .enum(['true', 'false', '1', '0'], 'must be true or false (or 1 or 0)')
  .transform((value) => value === 'true' || value === '1')

const httpUrl = z.url({ protocol: /^https?$/, error: 'must be a URL that starts with https:// or http://' })

const byteCount = z
  .string()
  .regex(/^[1-9]\d{0,15}$/, 'must be a whole number of bytes, such as 1073741824')
  .transform(Number)

/** What every backend reads. */
const commonVariables = {
  STORAGE_BACKEND: z.enum(['r2', 'sqlite', 'hybrid'], 'must be r2, sqlite or hybrid').optional(),
  FEATURE_R2_STORAGE: flag.default(true),
  SQLITE_PATH: z.string().default('./data/umbra.sqlite'),
  UMBRA_CACHE_DIR: text,
  UMBRA_CACHE_MAX_BYTES: byteCount.default(DEFAULT_CACHE_BYTES),
  UMBRA_SIGNING_SECRET: z
    .string()
    .min(MIN_SECRET_CHARACTERS, `must have at least ${MIN_SECRET_CHARACTERS} characters`)
    .optional(),
  UMBRA_PUBLIC_URL: httpUrl.optional(),
}

/** What `r2` and `hybrid` cannot do without. */
const requiredR2Variables = {
  R2_ACCOUNT_ID: z.string('is missing').regex(/^[\w.-]+$/, 'must be the account id alone, not a URL'),
  R2_ACCESS_KEY_ID: z.string('is missing'),
  R2_SECRET_ACCESS_KEY: z.string('is missing'),
  R2_BUCKET: z.string('is missing'),
}

const optionalR2Variables = {
  R2_ENDPOINT: httpUrl.optional(),
  R2_REGION: z.string().default('auto'),
  R2_PACED: flag.optional(),
  UMBRA_OUTBOX: z.enum(['on', 'off'], 'must be on or off').default('on'),
}

export const commonSchema = z.object(commonVariables)
export const r2Schema = z.object({ ...requiredR2Variables, ...optionalR2Variables })

export type CommonVariables = z.infer<typeof commonSchema>
export type R2Variables = z.infer<typeof r2Schema>

export const REQUIRED_R2_VARIABLES: readonly string[] = Object.keys(requiredR2Variables)

/** Every variable this library reads. */
export const ENVIRONMENT_VARIABLES: readonly string[] = [
  ...Object.keys(commonVariables),
  ...REQUIRED_R2_VARIABLES,
  ...Object.keys(optionalR2Variables),
]
