import type { EntryPosition, LiveSum, ManifestEntry, ObjectBody, PartPointer } from '@umbra/core'

/** A part on this machine: its bytes were checked against the pointer's hash, and it does not change. */
export interface LocalPart {
  readonly pointer: PartPointer
  /** Path of a file. */
  readonly path: string
}

/** A run that was written to this machine and not yet uploaded. */
export interface WrittenRun extends Pick<
  PartPointer,
  'rows' | 'dels' | 'ids' | 'at' | 'bytes' | 'sha256' | 'sum'
> {
  /** Path of a file that is the caller's to move or delete. */
  readonly path: string
  /** The file as the body of an upload: may be streamed several times. */
  readonly body: ObjectBody
}

export interface MergedRun {
  /** Undefined when nothing remains. */
  readonly run: WrittenRun | undefined
  /** What is not in the run: superseded revisions, and tombstones that are no longer needed. */
  readonly dropped: {
    readonly rows: number
    /** Sum over the dropped puts. */
    readonly sum: LiveSum
    /** The bodies nothing refers to any more. */
    keys(): AsyncIterable<string>
  }
  /** Frees what `dropped` is read from; the written file stays. */
  dispose(): Promise<void>
}

export interface RunScan {
  readonly order: 'newest' | 'oldest'
  /** Start after this position. */
  readonly after?: EntryPosition
  /** Inclusive, ISO 8601. */
  readonly from?: string
  /** Exclusive, ISO 8601. */
  readonly to?: string
  readonly dataFormat?: string
  /** Only entries whose text contains each of these, byte for byte. */
  readonly containing?: readonly string[]
  /** Only the first so many, in order. */
  readonly limit?: number
}

/**
 * How entries are kept in runs. Every entry comes back exactly as it went in, tombstones included; text is compared by
 * code points. Bounded memory whatever the number of rows.
 */
export interface RunFormat {
  /** Starts what the first read will need, so that it happens while a part is fetched or checked. May be called often. */
  prepare?(): void
  /** File name extension, without the dot. */
  readonly extension: string
  /** Writes entries, in any order and with no id twice, as a run. */
  write(entries: AsyncIterable<ManifestEntry>, path: string): Promise<WrittenRun | undefined>
  /**
   * Merges parts, oldest first: of every id the entry of the newest part remains, within a segment the last one.
   * A remaining tombstone written before `dropTombstonesBefore` (ISO 8601) goes too: pass it only when no part older
   * than the inputs exists.
   */
  merge(
    parts: readonly LocalPart[],
    options: { readonly path: string; readonly dropTombstonesBefore?: string },
  ): Promise<MergedRun>
  /** Of the given ids those in the run, tombstones included. Reads only the row groups they can be in. */
  lookup(part: LocalPart, ids: readonly string[]): Promise<ReadonlyMap<string, ManifestEntry>>
  /** The puts of a run that match, in order; a consumer that stops early stops the reading. */
  scan(part: LocalPart, scan: RunScan): AsyncIterable<ManifestEntry>
  /** Every entry of the run, by id. */
  readAll(part: LocalPart): AsyncIterable<ManifestEntry>
  close(): Promise<void>
}
