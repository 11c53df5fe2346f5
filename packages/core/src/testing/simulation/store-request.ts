import type { ByteRange } from '../../bodies/record-body.ts'
import type { DeleteOutcome, ObjectInfo } from '../../objects/object-store.ts'
import type { StoredVersion } from './object-history.ts'

export interface PutRequest {
  readonly verb: 'PUT'
  readonly key: string
  readonly bytes: Uint8Array
  readonly ifMatch: string | undefined
  readonly ifNoneMatch: '*' | undefined
  readonly contentType: string | undefined
  readonly metadata: Readonly<Record<string, string>>
}

export interface GetRequest {
  readonly verb: 'GET'
  readonly key: string
  readonly range: ByteRange | undefined
  readonly ifMatch: string | undefined
  readonly ifNoneMatch: string | undefined
}

export interface HeadRequest {
  readonly verb: 'HEAD'
  readonly key: string
}

/** One page. */
export interface ListRequest {
  readonly verb: 'LIST'
  /** The prefix. */
  readonly key: string
  readonly after: string
  readonly limit: number
  readonly delimiter: '/' | undefined
}

export interface DeleteRequest {
  readonly verb: 'DELETE'
  readonly key: string
}

export interface DeleteManyRequest {
  readonly verb: 'DELETE-MANY'
  /** The first of `keys`. */
  readonly key: string
  readonly keys: readonly string[]
}

/** What travels to the store. */
export type StoreRequest =
  | PutRequest
  | GetRequest
  | HeadRequest
  | ListRequest
  | DeleteRequest
  | DeleteManyRequest

export type Verb = StoreRequest['verb']

export interface ListPage {
  readonly objects: readonly ObjectInfo[]
  readonly folders: readonly string[]
  /** Where the next page starts; undefined after the last one. */
  readonly next: string | undefined
}

/** What travels back. */
export type StoreAnswer =
  | { readonly kind: 'stored'; readonly etag: string }
  | {
      readonly kind: 'object'
      readonly version: StoredVersion
      readonly serverDate: Date | undefined
      /** Only half of the body arrives. */
      readonly truncated: boolean
    }
  | { readonly kind: 'not-modified' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'page'; readonly page: ListPage }
  | { readonly kind: 'deleted'; readonly outcome: DeleteOutcome }
  | { readonly kind: 'refused'; readonly status: RefusalStatus }
  /** None came in time, or the caller did not want to wait for it. */
  | { readonly kind: 'none' }

export type RefusalStatus = 403 | 404 | 409 | 412 | 416 | 429 | 500 | 503

export function isWrite(verb: Verb): boolean {
  return verb === 'PUT' || verb === 'DELETE' || verb === 'DELETE-MANY'
}
