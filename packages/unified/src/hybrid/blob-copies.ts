import { randomUUID } from 'node:crypto'
import { hasErrorCode } from '@umbra/core'
import type { BlobExpectation, BlobStore, StoredBlob } from '@umbra/core'

/** A copy to the primary, the same however often it is repeated: its name, and the primary's version when it was begun. */
export interface CopyUnderWay {
  readonly name: string
  readonly since: string
}

/** The secondary's blobs, with a note of which version the primary has had. */
export interface BlobCopies {
  /** Copies what the primary has. */
  put(path: string, bytes: Uint8Array): Promise<void>
  get(path: string): Promise<StoredBlob | undefined>
  delete(path: string): Promise<void>
  /** Deletes the copy if it is this very version. */
  remove(path: string, etag: string): Promise<void>
  /** Whether this version of the primary is here, and known to be in the primary. */
  has(path: string, etag: string): Promise<boolean>
  /** Whether a copy of this version to the primary was begun, and is not known to have been made. */
  isUnderWay(path: string, etag: string): Promise<boolean>
  /** Notes that this version is about to be copied to the primary; undefined when another process has noted something meanwhile. */
  begin(path: string, etag: string, since: string): Promise<CopyUnderWay | undefined>
  /** Of a version that is still here. `name`: only while that copy of it is under way. */
  noteInPrimary(path: string, etag: string, name?: string): Promise<void>
  /** Whether the primary has had this version: when it has no blob now, then because it was deleted there. */
  wasInPrimary(path: string, copy: Pick<StoredBlob, 'etag'>): Promise<boolean>
}

export function createBlobCopies(blobs: BlobStore): BlobCopies {
  // Outside `json_blobs/`, so no caller's blob can have this path.
  const notePath = (path: string) => `hybrid/blobs/${path}`

  /** The version's etag, with the name and the beginning of its copy as long as that is under way. */
  async function readNote(path: string) {
    const stored = await blobs.get(notePath(path))
    const [etag = '', name, since] = new TextDecoder().decode(stored?.bytes).split(' ')
    const underWay = name === undefined || since === undefined ? undefined : { name, since }
    const unchanged: BlobExpectation = stored ? { kind: 'etag', etag: stored.etag } : { kind: 'absent' }
    return { etag, underWay, unchanged }
  }
  async function writeNote(path: string, note: string, expect: BlobExpectation): Promise<void> {
    await blobs.put(notePath(path), new TextEncoder().encode(note), expect)
  }
  async function wasInPrimary(path: string, { etag }: Pick<StoredBlob, 'etag'>): Promise<boolean> {
    const note = await readNote(path)
    return note.etag === etag && note.underWay === undefined
  }
  const isHere = async (path: string, etag: string) => (await blobs.get(path))?.etag === etag

  async function begin(path: string, etag: string, since: string): Promise<CopyUnderWay | undefined> {
    const note = await readNote(path)
    if (note.etag === etag) return note.underWay
    if (!(await isHere(path, etag))) return undefined
    const underWay = { name: `copy-${randomUUID()}`, since }
    await writeNote(path, `${etag} ${underWay.name} ${since}`, note.unchanged)
    return underWay
  }

  async function noteInPrimary(path: string, etag: string, name?: string): Promise<void> {
    const note = await readNote(path)
    if (note.etag === etag && note.underWay === undefined) return
    if (name !== undefined && note.underWay?.name !== name) return
    // Once it is deleted, the same bytes, stored in the secondary alone later, would count as deleted.
    if (await isHere(path, etag)) await writeNote(path, etag, note.unchanged)
  }

  /** What another process has noted meanwhile stays. */
  async function unlessOvertaken<T>(noting: Promise<T>): Promise<T | undefined> {
    try {
      return await noting
    } catch (error) {
      if (!hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
      return undefined
    }
  }

  return {
    wasInPrimary,
    has: async (path, etag) => (await isHere(path, etag)) && (await wasInPrimary(path, { etag })),
    async isUnderWay(path, etag) {
      const note = await readNote(path)
      return note.etag === etag && note.underWay !== undefined
    },
    begin: (...about) => unlessOvertaken(begin(...about)),
    noteInPrimary: (...about) => unlessOvertaken(noteInPrimary(...about)),
    async put(path, bytes) {
      // The note second: with an older one a crash leaves a copy that is not known, which the next read or write corrects.
      const { etag } = await blobs.put(path, bytes, undefined)
      if (!(await wasInPrimary(path, { etag }))) await writeNote(path, etag, undefined)
    },
    get: (path) => blobs.get(path),
    async delete(path) {
      await blobs.delete(path, undefined)
      await blobs.delete(notePath(path), undefined)
    },
    async remove(path, etag) {
      const note = await readNote(path)
      await unlessOvertaken(blobs.delete(path, { kind: 'etag', etag }))
      // Also without a copy: the same bytes, stored in the secondary alone later, would count as deleted.
      if (note.etag === etag) await unlessOvertaken(blobs.delete(notePath(path), note.unchanged))
    },
  }
}
