import type { PartPointer } from '@umbra/core'
import type { LocalPart } from './run-format.ts'

export interface OpenOptions {
  /** Compare the copy's bytes with the pointer's hash, though that was done before. Default false. */
  readonly isChecked?: boolean
}

/** Immutable parts on this machine. */
export interface PartCache {
  /**
   * The part, fetched at the first use; concurrent calls for one part share one fetch. Resolves to undefined when
   * `fetch` does: the object is gone. What was fetched is checked whole before it is used.
   *
   * @throws `CORRUPT` when the object's bytes are not the ones the pointer names.
   */
  open(
    pointer: PartPointer,
    fetch: () => Promise<AsyncIterable<Uint8Array> | undefined>,
    options?: OpenOptions,
  ): Promise<LocalPart | undefined>
  /** A fresh path in the cache's own folder, for a file about to be written. */
  temporaryPath(extension: string): Promise<string>
  /** Takes a file that was just written and uploaded, so that it need not be fetched. */
  adopt(pointer: PartPointer, path: string): Promise<void>
  /** Forgets and deletes a part: its content must not stay on this machine. */
  forget(pointer: PartPointer): Promise<void>
  close(): Promise<void>
}
