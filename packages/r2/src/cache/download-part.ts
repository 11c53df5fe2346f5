import { createHash } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { UmbraError } from '@umbra/core'
import type { PartPointer } from '@umbra/core'
import type { FileDigest } from './hash-file.ts'

/** The folder could not take a file: its own fault, not that of what was to be written. */
export class FolderFailure extends Error {
  override readonly name = 'FolderFailure'
}

export interface DownloadTarget {
  readonly temporaryPath: string
  readonly path: string
}

/**
 * Puts a part's bytes in its place, whole and checked, or not at all.
 *
 * @throws `CORRUPT` when they are not the ones the pointer names; {@link FolderFailure}; what the source throws.
 */
export async function downloadPart(
  source: AsyncIterable<Uint8Array>,
  pointer: PartPointer,
  { temporaryPath, path }: DownloadTarget,
): Promise<void> {
  try {
    requireSame(pointer, await writeHashed(source, temporaryPath, pointer.bytes))
    await inFolder(() => rename(temporaryPath, path))
  } catch (error) {
    await rm(temporaryPath, { force: true }).catch(() => {
      // Left for the clean-up of old temporary files; the first failure is the one to report.
    })
    throw error
  }
}

/** Stops after the first byte too many. */
async function writeHashed(
  source: AsyncIterable<Uint8Array>,
  path: string,
  maxBytes: number,
): Promise<FileDigest> {
  const hash = createHash('sha256')
  const file = await inFolder(() => open(path, 'wx', 0o600))
  let bytes = 0
  try {
    for await (const chunk of source) {
      bytes += chunk.byteLength
      // Hashed while it is written.
      const writing = inFolder(() => file.appendFile(chunk))
      hash.update(chunk)
      await writing
      if (bytes > maxBytes) break
    }
    // Before it gets its name: after a power cut a file of the right size may have a hole.
    await inFolder(() => file.datasync())
  } finally {
    await inFolder(() => file.close())
  }
  return { bytes, sha256: hash.digest('hex') }
}

function requireSame({ key, bytes, sha256 }: PartPointer, actual: FileDigest): void {
  if (actual.bytes === bytes && actual.sha256 === sha256) return
  throw new UmbraError('CORRUPT', `a part is not what the manifest says; run fsck. key=${key}`, {
    details: { key, expected: { bytes, sha256 }, actual },
  })
}

async function inFolder<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    throw new FolderFailure('the cache folder cannot be written', { cause })
  }
}
