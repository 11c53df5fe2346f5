import { homedir } from 'node:os'
import { join } from 'node:path'
import type { z } from 'zod'
import { UmbraError } from '../errors/umbra-error.ts'
import { commonSchema, r2Schema, REQUIRED_R2_VARIABLES } from './environment-schema.ts'
import type { CommonVariables, R2Variables } from './environment-schema.ts'
import { hideSecrets } from './hide-secrets.ts'
import type { R2Environment, SqliteEnvironment, StorageSettings } from './storage-settings.ts'

/** Environment variables as `process.env` has them. An empty string counts as unset. */
export type Environment = Readonly<Record<string, string | undefined>>

export interface SettingProblem {
  readonly variable: string
  /** What is wrong; never the variable's value. */
  readonly problem: string
}

/**
 * The settings a set of environment variables means. `R2_*` is looked at only when R2 is used.
 *
 * @throws `CONFIGURATION` with all problems at once: `details.problems` ({@link SettingProblem}), and
 * `details.missing`, the names of unset variables when nothing but that is wrong.
 */
export function parseSettings(env: Environment): StorageSettings {
  const given = withoutEmpty(env)
  const common = commonSchema.safeParse(given)
  const problems = [...problemsOf(common.error), ...linkProblems(given)]
  const backend = chooseBackend(given)
  const r2 = backend === 'sqlite' ? undefined : r2Schema.safeParse(given)
  problems.push(...problemsOf(r2?.error))
  if (problems.length > 0 || !common.success) throw invalidSettings(problems, given)

  const sqlite = toSqlite(common.data)
  const cache = {
    directory: common.data.UMBRA_CACHE_DIR ?? defaultCacheDirectory(given),
    maxBytes: common.data.UMBRA_CACHE_MAX_BYTES,
  }
  if (backend === 'sqlite' || r2?.data === undefined) return { backend: 'sqlite', sqlite, cache }
  return { backend, r2: toR2(r2.data), outbox: r2.data.UMBRA_OUTBOX === 'on', sqlite, cache }
}

/**
 * The unset R2 variables when others of them are set and nothing else chose the backend: it is `sqlite` then, and most
 * likely by mistake.
 */
export function missingR2Variables(env: Environment): string[] {
  const given = withoutEmpty(env)
  const missing = REQUIRED_R2_VARIABLES.filter((name) => given[name] === undefined)
  const chosen = given['STORAGE_BACKEND'] !== undefined || isSwitchedOff(given)
  return chosen || missing.length === REQUIRED_R2_VARIABLES.length ? [] : missing
}

function withoutEmpty(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
}

function isSwitchedOff({ FEATURE_R2_STORAGE: feature }: Environment): boolean {
  return feature === 'false' || feature === '0'
}

/** From the raw variables, so that R2's problems are reported together with all others. */
function chooseBackend(given: Environment): 'r2' | 'sqlite' | 'hybrid' {
  const backend = given['STORAGE_BACKEND']
  if (isSwitchedOff(given) || backend === 'sqlite') return 'sqlite'
  if (backend === 'r2' || backend === 'hybrid') return backend
  return REQUIRED_R2_VARIABLES.every((name) => given[name] !== undefined) ? 'r2' : 'sqlite'
}

function toR2(variables: R2Variables): R2Environment {
  return hideSecrets(
    {
      endpoint: variables.R2_ENDPOINT ?? `https://${variables.R2_ACCOUNT_ID}.r2.cloudflarestorage.com`,
      bucket: variables.R2_BUCKET,
      region: variables.R2_REGION,
      accessKeyId: variables.R2_ACCESS_KEY_ID,
      ...(variables.R2_PACED !== undefined && { paced: variables.R2_PACED }),
    },
    { secretAccessKey: variables.R2_SECRET_ACCESS_KEY },
  )
}

function toSqlite(variables: CommonVariables): SqliteEnvironment {
  const { SQLITE_PATH: path, UMBRA_SIGNING_SECRET: secret, UMBRA_PUBLIC_URL: publicUrl } = variables
  if (secret === undefined || publicUrl === undefined) return { path }
  return { path, links: hideSecrets({ publicUrl: publicUrl.replace(/\/+$/, '') }, { secret }) }
}

function linkProblems(given: Environment): SettingProblem[] {
  const names = ['UMBRA_SIGNING_SECRET', 'UMBRA_PUBLIC_URL'] as const
  const unset = names.filter((name) => given[name] === undefined)
  if (unset.length !== 1) return []
  return unset.map((variable) => ({
    variable,
    problem: 'is missing; download links need both a secret and a public url',
  }))
}

/** Where each operating system keeps what may be deleted at any time. */
function defaultCacheDirectory(given: Environment): string {
  const fallback = {
    darwin: join(homedir(), 'Library', 'Caches'),
    win32: given['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'),
  }
  const base =
    process.platform === 'darwin' || process.platform === 'win32'
      ? fallback[process.platform]
      : (given['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'))
  return join(base, 'umbra')
}

function problemsOf(error: z.ZodError | undefined): SettingProblem[] {
  return (error?.issues ?? []).map(({ path, message }) => ({
    variable: path.map(String).join('.'),
    problem: message,
  }))
}

function invalidSettings(problems: readonly SettingProblem[], given: Environment): UmbraError {
  const missing = problems.flatMap(({ variable }) => (given[variable] === undefined ? [variable] : []))
  const list = problems.map(({ variable, problem }) => `${variable} ${problem}`).join('; ')
  return new UmbraError('CONFIGURATION', `the settings cannot be used: ${list}`, {
    details: { problems, ...(missing.length === problems.length && { missing }) },
  })
}
