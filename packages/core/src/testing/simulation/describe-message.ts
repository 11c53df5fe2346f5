import { inspect } from 'node:util'
import { isUmbraError } from '../../errors/umbra-error.ts'
import type { StoreHistory, StoredVersion } from './object-history.ts'
import type { StoreAnswer, StoreRequest } from './store-request.ts'

/** A request as the story has it. Versions go by their number, as an ETag says nothing to people. */
export function describeRequest(request: StoreRequest, store: StoreHistory): string {
  const { verb, key } = request
  switch (request.verb) {
    case 'PUT':
      return `${verb} ${key}${describeConditions(request, store)} (${request.bytes.byteLength} bytes)`
    case 'GET':
      return `${verb} ${key}${describeConditions(request, store)}`
    case 'LIST':
      return `${verb} ${key}${request.after === '' ? '' : ` after ${request.after}`}`
    case 'DELETE-MANY':
      return `${verb} ${request.keys.join(' ')}`
    default:
      return `${verb} ${key}`
  }
}

export function describeAnswer(answer: StoreAnswer): string {
  switch (answer.kind) {
    case 'object':
      return `found v${answer.version.number}${answer.truncated ? ', but only half of it' : ''}`
    case 'page': {
      const { objects, folders, next } = answer.page
      return `${objects.length + folders.length} listed${next === undefined ? '' : ', more to come'}`
    }
    case 'deleted': {
      const { deleted, failed } = answer.outcome
      return `deleted ${deleted.length}${failed.length === 0 ? '' : `, failed ${failed.length}`}`
    }
    case 'refused':
      return `${answer.status}`
    default:
      return answer.kind
  }
}

export function describeChange({ key, kind, number, by }: StoredVersion): string {
  return kind === 'object'
    ? `#${by.request} is stored: v${number} of ${key}`
    : `#${by.request} deletes ${key}`
}

/** The values of an operation, whatever its type. */
export function describeOperation(operation: unknown): string {
  if (typeof operation !== 'object' || operation === null) return inspect(operation)
  return Object.values(operation)
    .flat()
    .map((value) => (typeof value === 'string' ? value : inspect(value)))
    .join(' ')
}

/** The code alone of an error of ours: its message carries keys, which the story has already. */
export function describeError(error: unknown): string {
  if (isUmbraError(error)) return error.code
  return error instanceof Error ? `${error.name}: ${error.message}` : inspect(error)
}

function describeConditions(
  {
    key,
    ifMatch,
    ifNoneMatch,
  }: { key: string; ifMatch: string | undefined; ifNoneMatch: string | undefined },
  store: StoreHistory,
): string {
  const match = ifMatch === undefined ? '' : ` if ${nameOf(ifMatch, key, store)}`
  if (ifNoneMatch === undefined) return match
  return ifNoneMatch === '*' ? `${match} if absent` : `${match} unless ${nameOf(ifNoneMatch, key, store)}`
}

function nameOf(etag: string, key: string, store: StoreHistory): string {
  const version = store.history(key).findLast((version) => version.etag === etag)
  return version === undefined ? `etag ${etag}` : `v${version.number}`
}
