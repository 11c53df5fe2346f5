import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UmbraError } from '../errors/umbra-error.ts'
import { createMemoryBody } from './memory-body.ts'
import type { RecordBody } from './record-body.ts'

/** Bodies up to this size stay in memory, bytes. */
export const SPOOL_THRESHOLD_BYTES = 8 * 1024 * 1024

export interface SpoolOptions {
  /** Refuse more than this, bytes. */
  readonly maxBytes: number
}

/** A path in the temporary folder that no other body uses. */
export function temporaryBodyPath(): string {
  return join(tmpdir(), `umbra-body-${process.pid}-${randomUUID()}`)
}

/**
 * Drains a stream completely, into memory or past {@link SPOOL_THRESHOLD_BYTES} into a temporary file, hashing on the
 * way. Only then does an upload start: a retry can resend, and the hash is known before the first byte leaves.
 */
export async function spoolBody(
  source: AsyncIterable<Uint8Array>,
  options: SpoolOptions,
): Promise<RecordBody> {
  const held: Uint8Array[] = []
  const hash = createHash('sha256')
  let size = 0
  let file: { handle: FileHandle; path: string } | undefined
  try {
    for await (const chunk of source) {
      size += chunk.byteLength
      if (size > options.maxBytes) throw tooLarge(options.maxBytes)
      hash.update(chunk)
      if (file === undefined && size <= SPOOL_THRESHOLD_BYTES) {
        // A copy: a source may fill the same buffer again for its next chunk.
        held.push(Buffer.from(chunk))
        continue
      }
      file ??= await moveToFile(held)
      await file.handle.appendFile(chunk)
    }
    await file?.handle.close()
  } catch (error) {
    await discard(file)
    throw error
  }
  const sha256 = hash.digest('hex')
  return file === undefined
    ? createMemoryBody(Buffer.concat(held), sha256)
    : fileBody(file.path, size, sha256)
}

/** A finished file as a body; `dispose` deletes the file. */
export async function adoptFileAsBody(path: string, options: SpoolOptions): Promise<RecordBody> {
  const { size } = await stat(path)
  if (size > options.maxBytes) {
    await rm(path, { force: true })
    throw tooLarge(options.maxBytes)
  }
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return fileBody(path, size, hash.digest('hex'))
}

async function moveToFile(held: Uint8Array[]): Promise<{ handle: FileHandle; path: string }> {
  const path = temporaryBodyPath()
  const file = { handle: await open(path, 'wx', 0o600), path }
  try {
    for (const chunk of held) await file.handle.appendFile(chunk)
  } catch (error) {
    await discard(file)
    throw error
  }
  held.length = 0
  return file
}

async function discard(file: { handle: FileHandle; path: string } | undefined): Promise<void> {
  if (file === undefined) return
  // The first failure is the one to report.
  await file.handle.close().catch(() => undefined)
  await rm(file.path, { force: true }).catch(() => undefined)
}

function fileBody(path: string, size: number, sha256: string): RecordBody {
  return {
    size,
    sha256,
    bytes: undefined,
    stream: (range) => createReadStream(path, range),
    dispose: () => rm(path, { force: true }),
  }
}

function tooLarge(maxBytes: number): UmbraError {
  return new UmbraError(
    'TOO_LARGE',
    `the body is larger than the limit; split the record. limit_bytes=${maxBytes}`,
    {
      details: { limitBytes: maxBytes },
    },
  )
}
