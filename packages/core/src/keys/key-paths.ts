import { UmbraError } from '../errors/umbra-error.ts'
import type { DataFormat } from '../records/data-format.ts'
import type { Namespace } from '../records/namespace.ts'
import { decodePathPart, encodePathPart } from './path-part.ts'

/** Top-level prefixes that are ours, so no module may be named like them. */
export const RESERVED_MODULES = ['manifests', 'manifests.d', 'json_blobs', 'uploads'] as const

/** S3 and R2: 1,024 bytes of UTF-8. Our keys are ASCII, so characters are bytes. */
export const MAX_KEY_BYTES = 1024

const FORMAT_EXTENSIONS: Readonly<Record<Exclude<DataFormat, 'binary'>, string>> = {
  json: 'json',
  jsonl: 'jsonl',
  parquet: 'parquet',
}

export interface DataKeyParts {
  readonly namespace: Namespace
  readonly id: string
  /** ISO 8601 UTC; its date is the folder. */
  readonly timestamp: string
  readonly format: DataFormat
  readonly filename: string | undefined
  /** Undefined for the first revision; later ones say which, and a nonce that makes the key never used before. */
  readonly later?: { readonly rev: number; readonly nonce: string }
}

/** `{module}/{user}/YYYY/MM/DD/{id}.{ext}`, later revisions `{id}~{rev}-{nonce}.{ext}`. `~` cannot occur in an encoded id. */
export function dataKey(parts: DataKeyParts): string {
  const day = parts.timestamp.slice(0, 10).replaceAll('-', '/')
  const suffix = parts.later === undefined ? '' : `~${parts.later.rev}-${parts.later.nonce}`
  const name = `${encodePathPart(parts.id)}${suffix}.${extension(parts.format, parts.filename)}`
  return checkedKey(`${namespacePath(parts.namespace)}/${day}/${name}`)
}

/** `{module}/{user}`: the folder of a namespace's data objects. */
export function namespacePath(namespace: Namespace): string {
  const module = encodePathPart(namespace.module)
  if (RESERVED_MODULES.some((reserved) => reserved === module)) {
    throw new UmbraError('INVALID_INPUT', `module is a reserved name. module=${module}`, {
      details: { field: 'module', reserved: RESERVED_MODULES },
    })
  }
  return checkedKey(`${module}/${encodePathPart(namespace.userId)}`)
}

export function headKey(namespace: Namespace): string {
  return checkedKey(`${MANIFESTS_PREFIX}${namespacePath(namespace)}/manifest.jsonl`)
}

/** `manifests.d/{module}/{user}/`: the folder of immutable manifest parts. */
export function partsPrefix(namespace: Namespace): string {
  return `manifests.d/${namespacePath(namespace)}/`
}

/** Twelve digits are more versions than there will be; a ULID has 26 characters. */
const LONGEST_PART = `r/L10/${'0'.repeat(12)}-${'0'.repeat(26)}.parquet`

/** @throws `TOO_LARGE` for a namespace of which a part of the manifest could not be stored once there are many records. */
export function checkPartKeys(namespace: Namespace): void {
  checkedKey(`${partsPrefix(namespace)}${LONGEST_PART}`)
}

/** The folder of callers' blobs. */
export const BLOBS_PREFIX = 'json_blobs/'

/** The folder of the manifests: `manifests/{module}/{user}/`. */
export const MANIFESTS_PREFIX = 'manifests/'

/** `json_blobs/{key}.json`. Slashes in `key` separate folders; every part is encoded on its own. */
export function blobKey(key: string): string {
  return checkedKey(`${BLOBS_PREFIX}${key.split('/').map(encodePathPart).join('/')}.json`)
}

export function uploadKey(namespace: Namespace, uploadId: string): string {
  return checkedKey(`uploads/${namespacePath(namespace)}/${encodePathPart(uploadId)}`)
}

/** `{id}.{ext}` or `{id}~{rev}-{nonce}.{ext}`; an encoded id holds no `~`. */
const DATA_OBJECT_NAME = /^([^~]+)(?:~[1-9]\d*-[0-9A-Za-z-]+)?\.[a-z0-9]{1,16}$/

/** The namespace and id a data key belongs to; undefined for any key {@link dataKey} does not return. */
export function parseDataKey(key: string): { namespace: Namespace; id: string } | undefined {
  const [modulePart = '', userPart = '', ...rest] = key.split('/')
  const [year, month, day, name = '', ...deeper] = rest
  if (deeper.length > 0 || !isCalendarDay(`${year}-${month}-${day}`)) return undefined
  if (RESERVED_MODULES.some((reserved) => reserved === modulePart)) return undefined
  const module = decodePathPart(modulePart)
  const userId = decodePathPart(userPart)
  const id = decodePathPart(DATA_OBJECT_NAME.exec(name)?.[1] ?? '')
  if (module === undefined || userId === undefined || id === undefined) return undefined
  return { namespace: { module, userId }, id }
}

function isCalendarDay(day: string): boolean {
  const date = new Date(`${day}T00:00:00.000Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(`${day}T`)
}

function extension(format: DataFormat, filename: string | undefined): string {
  if (format !== 'binary') return FORMAT_EXTENSIONS[format]
  const found = filename === undefined ? null : /\.([A-Za-z0-9]{1,16})$/.exec(filename)
  return found?.[1]?.toLowerCase() ?? 'bin'
}

function checkedKey(key: string): string {
  if (key.length > MAX_KEY_BYTES) {
    throw new UmbraError(
      'TOO_LARGE',
      `the object key is too long; shorten module, user or id. bytes=${key.length}`,
      {
        details: { bytes: key.length, limit: MAX_KEY_BYTES },
      },
    )
  }
  return key
}
