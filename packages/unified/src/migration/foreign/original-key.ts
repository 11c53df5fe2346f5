import { parseDataKey, RESERVED_MODULES } from '@umbra/core'
import type { Namespace } from '@umbra/core'

/** A key in the original system's layout. */
export interface OriginalKey {
  /** `{module}/{user}`, as the key has it. */
  readonly prefix: string
  readonly namespace: Namespace
  /** Undefined when it does not lie in a date folder: then only a manifest can say what it is. */
  readonly id: string | undefined
}

const NAME = /^(.+)\.[A-Za-z0-9]{1,16}$/
const DAY = /^\d{4}\/\d{2}\/\d{2}$/

/** The original encoded nothing, so what is no key of ours is taken as it is. Undefined outside of the folders of users. */
export function parseOriginalKey(key: string): OriginalKey | undefined {
  const [module = '', userId = '', ...rest] = key.split('/')
  if (module === '' || userId === '' || rest.length === 0 || isReserved(key)) return undefined
  const prefix = `${module}/${userId}`
  const namespace = namespaceOf(prefix)
  const isDated = rest.length === 4 && DAY.test(rest.slice(0, 3).join('/'))
  const id = parseDataKey(key)?.id ?? (isDated ? NAME.exec(rest[3] ?? '')?.[1] : undefined)
  return { prefix, namespace, id }
}

/** Whose folder `{module}/{user}` is, encoded or not. */
export function namespaceOf(prefix: string): Namespace {
  const [module = '', userId = ''] = prefix.split('/')
  return parseDataKey(`${prefix}/2000/01/01/id.json`)?.namespace ?? { module, userId }
}

/** Manifests, blobs and what waits to be finished: no records. */
export function isReserved(key: string): boolean {
  const module = key.slice(0, Math.max(key.indexOf('/'), 0))
  return RESERVED_MODULES.some((reserved) => reserved === module)
}

export function originalManifestKey(prefix: string): string {
  return `manifests/${prefix}/manifest.jsonl`
}

/** The `{module}/{user}` a manifest is about; undefined for every other key. */
export function manifestPrefix(key: string): string | undefined {
  return /^manifests\/([^/]+\/[^/]+)\/manifest\.jsonl$/.exec(key)?.[1]
}
