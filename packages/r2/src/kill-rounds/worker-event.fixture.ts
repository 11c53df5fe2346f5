import type { Namespace } from '@umbra/core'
import type { R2Settings } from '../r2-settings.ts'

/** `replace` names the version it replaces, `change` only says how; `add` adds one to a namespace's counter. */
export type WriteKind = 'create' | 'create-many' | 'replace' | 'change' | 'delete' | 'add'

/** A write as it is announced before it is tried. */
export interface WriteAttempt {
  /** Never used before: what the write leaves in the record's data. */
  readonly token: string
  readonly kind: WriteKind
  readonly namespace: Namespace
  readonly ids: readonly string[]
}

/** What a worker prints, one line of JSON each, before it does the next thing. */
export type WorkerEvent =
  | { readonly event: 'ready' }
  | { readonly event: 'not-started'; readonly code: string }
  | { readonly event: 'try'; readonly write: WriteAttempt }
  /** The promise has resolved. `etags` in the order of the ids; of a deletion none. */
  | {
      readonly event: 'ack'
      readonly token: string
      readonly etags: readonly string[]
      readonly pending?: true
    }
  /** Rejected in a way that promises that nothing was applied. */
  | { readonly event: 'rejected'; readonly token: string; readonly code: string }
  | { readonly event: 'unknown'; readonly token: string }
  /** The worker itself has seen a promise broken. */
  | { readonly event: 'violation'; readonly text: string }

export interface WorkerTask {
  readonly settings: R2Settings
  /** Unique, so that tokens and ids are. */
  readonly name: string
  readonly namespaces: readonly Namespace[]
  /** How many writes it keeps going at once. */
  readonly loops: number
  /** Pause after each write, milliseconds at most. */
  readonly maxPauseMs: number
}

/** A record's data: the tokens of the writes that made it, oldest first. */
export interface TrailData {
  readonly trail: readonly string[]
}

/** The data of a namespace's counter: how much has been added, and by whom. */
export interface CounterData {
  readonly total: number
  readonly by: Readonly<Record<string, number>>
  /** The token of the write that made this revision; absent on the first. */
  readonly last?: string
}

export const COUNTER_ID = 'counter'

/** Records that every worker replaces. */
export const CONTENDED_IDS: readonly string[] = ['contended-0', 'contended-1']
