import { UmbraError } from '@umbra/core'
import { z } from 'zod'
import type { ApiKey } from './auth/api-keys.ts'
import { isLoopbackHost } from './auth/loopback.ts'
import type { AppLimits } from './create-app.ts'
import type { LogLevel } from './logger.ts'

export interface ApiSettings {
  readonly host: string
  readonly port: number
  /** `'loopback'`: development without keys. */
  readonly access: 'loopback' | readonly ApiKey[]
  readonly limits: AppLimits
  /** Milliseconds accepted requests have to finish after a signal to stop. */
  readonly shutdownTimeoutMs: number
  readonly logLevel: LogLevel
}

export type Environment = Readonly<Record<string, string | undefined>>

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,10}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`)

const names = z.array(z.string().min(1)).min(1, "must list names, or '*' for all")

const apiKeys = z
  .array(
    z.strictObject({
      name: z.string().min(1),
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/, 'must be the SHA-256 of the key, in 64 lower-case hex digits'),
      modules: names,
      users: names,
    }),
  )
  .min(1, 'must hold at least one key')
  .refine(
    (keys) => new Set(keys.map(({ name }) => name)).size === keys.length,
    'must not name two keys alike',
  )

const variables = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: wholeNumber(0, 65_535).default(3_000),
  UMBRA_API_KEYS: z
    .string()
    .transform((text, context) => parseJson(text) ?? context.addIssue('must be JSON'))
    .pipe(apiKeys)
    .optional(),
  UMBRA_DEV: z.enum(['0', '1'], 'must be 1 or 0').default('0'),
  UMBRA_API_BODY_LIMIT_BYTES: wholeNumber(1, 1024 ** 3).default(16 * 1024 ** 2),
  UMBRA_API_REQUESTS_PER_MINUTE: wholeNumber(1, 1_000_000).default(600),
  UMBRA_API_REQUEST_TIMEOUT_MS: wholeNumber(1_000, 86_400_000).default(300_000),
  UMBRA_API_SHUTDOWN_TIMEOUT_MS: wholeNumber(0, 3_600_000).default(10_000),
  UMBRA_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent']).default('info'),
})

/** Every variable the HTTP API reads besides the storage's own. */
export const API_VARIABLES: readonly string[] = Object.keys(variables.shape)

/** The process's own environment: the only place that reads it. */
export function processEnvironment(): Environment {
  return process.env
}

/**
 * The settings of the HTTP API; an empty value counts as unset.
 *
 * @throws `CONFIGURATION` naming every variable that is wrong, never its value; also when there is no key and
 * `UMBRA_DEV=1` on a loopback host does not make up for it.
 */
export function parseApiSettings(environment: Environment): ApiSettings {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const parsed = variables.safeParse(set)
  if (!parsed.success) throw wrongSettings(parsed.error.issues.map(describeIssue))
  const env = parsed.data
  return {
    host: env.HOST,
    port: env.PORT,
    access: chooseAccess(env),
    limits: {
      bodyBytes: env.UMBRA_API_BODY_LIMIT_BYTES,
      requestsPerMinute: env.UMBRA_API_REQUESTS_PER_MINUTE,
      requestTimeoutMs: env.UMBRA_API_REQUEST_TIMEOUT_MS,
    },
    shutdownTimeoutMs: env.UMBRA_API_SHUTDOWN_TIMEOUT_MS,
    logLevel: env.UMBRA_LOG_LEVEL,
  }
}

function chooseAccess({ HOST, UMBRA_API_KEYS, UMBRA_DEV }: z.infer<typeof variables>): ApiSettings['access'] {
  if (UMBRA_API_KEYS !== undefined) return UMBRA_API_KEYS
  if (UMBRA_DEV !== '1') {
    throw wrongSettings([
      'UMBRA_API_KEYS: is missing; configure a key, or set UMBRA_DEV=1 to develop without',
    ])
  }
  if (!isLoopbackHost(HOST)) {
    throw wrongSettings(['UMBRA_DEV: works without keys only on a loopback HOST such as 127.0.0.1'])
  }
  return 'loopback'
}

function describeIssue({ path, message }: z.core.$ZodIssue): string {
  return `${path.map(String).join('.')}: ${message}`
}

function wrongSettings(problems: readonly string[]): UmbraError {
  return new UmbraError('CONFIGURATION', `the settings of the http api are wrong. ${problems.join('; ')}`, {
    details: { problems },
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the text.
    return undefined
  }
}
