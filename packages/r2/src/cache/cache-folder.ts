import { randomInt } from 'node:crypto'
import {
  copyFile,
  mkdir,
  mkdtemp,
  open,
  readdir,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { UmbraError } from '@umbra/core'
import type { PartPointer } from '@umbra/core'

const PART_NAME = /^[0-9a-f]{64}(?:\.[a-z0-9]{1,16})?$/

/** No write takes that long, so the file's process has ended. */
const STALE_TEMPORARY_MS = 24 * 60 * 60 * 1000

/** In 2001, before any clock that a file could have its time from: a seal lies in the 8 years after it. */
const SEAL_EPOCH_S = 1_000_000_000
/** Seals of one name, one second each: a file that is fetched again has another one, as DuckDB knows files by their times. */
const SEALS_OF_NAME = 2 ** 16
/** Hexadecimal digits of the name that its seals follow from. */
const SEAL_DIGITS = 3

export interface CachedFile {
  readonly name: string
  readonly bytes: number
  readonly usedAtMs: number
  /** The seal, or when it was written to. */
  readonly writtenAtMs: number
  /** Its content was checked, is on the disk, and was not written to since. */
  readonly isSealed: boolean
}

/**
 * A folder of parts named by their content, and a folder inside it for files that are being written.
 *
 * A file's access time is its last use. Its modification time is its seal: one that follows from its name, which any write
 * to the file replaces by the time of day.
 */
export class CacheFolder {
  readonly #path: string
  /** Removed with everything in it when the cache is closed. */
  readonly isPrivate: boolean

  private constructor(path: string, isPrivate: boolean) {
    this.#path = path
    this.isPrivate = isPrivate
  }

  /** Creates what is missing and deletes what ended processes left half written. Rejects when it cannot be written. */
  static async open(path: string, nowMs: number, probeName: string): Promise<CacheFolder> {
    const folder = new CacheFolder(path, false)
    await mkdir(folder.#temporary, { recursive: true })
    const probe = folder.temporaryPath(probeName)
    await writeFile(probe, probeName)
    await rm(probe)
    await folder.#removeStale(nowMs)
    return folder
  }

  static async openPrivate(): Promise<CacheFolder> {
    const folder = new CacheFolder(await mkdtemp(join(tmpdir(), 'umbra-cache-')), true)
    await mkdir(folder.#temporary)
    return folder
  }

  get #temporary(): string {
    return join(this.#path, 'tmp')
  }

  pathOf(name: string): string {
    return join(this.#path, name)
  }

  temporaryPath(name: string): string {
    return join(this.#temporary, name)
  }

  /** A part's file; undefined when there is none. */
  async find(name: string): Promise<CachedFile | undefined> {
    const found = await statIfPresent(this.pathOf(name))
    return found && { name, ...found, isSealed: isSealOf(name, found.writtenAtMs) }
  }

  /** Notes a use, for this process and others. */
  async touch({ name, writtenAtMs }: CachedFile, nowMs: number): Promise<void> {
    await utimes(this.pathOf(name), nowMs / 1000, writtenAtMs / 1000).catch(() => {
      // It counts as used longer ago than it was, or another process has just deleted it.
    })
  }

  /** Seals a file whose content was checked since it was found, and notes a use; false when it was written to meanwhile. */
  async seal(checked: CachedFile, nowMs: number): Promise<boolean> {
    await putOnDisk(this.pathOf(checked.name))
    const found = await this.find(checked.name)
    // Another process may have sealed it.
    if (found?.isSealed === true) return true
    if (found?.writtenAtMs !== checked.writtenAtMs) return false
    await this.sealNew(checked.name, nowMs)
    return true
  }

  /** For a file whose content was found to be wrong, unless another one is in its place by now. */
  async breakSeal({ name, writtenAtMs }: CachedFile, nowMs: number): Promise<void> {
    if ((await this.find(name))?.writtenAtMs !== writtenAtMs) return
    await utimes(this.pathOf(name), nowMs / 1000, nowMs / 1000)
  }

  /** As {@link seal} for a file that was checked and put on the disk before it got its name. */
  async sealNew(name: string, nowMs: number): Promise<void> {
    await utimes(this.pathOf(name), nowMs / 1000, freshSealOf(name)).catch(() => {
      // It is checked again when it is next opened, or another process has just deleted it.
    })
  }

  async take(path: string, name: string, temporaryName: string): Promise<void> {
    await putOnDisk(path)
    try {
      await rename(path, this.pathOf(name))
    } catch {
      // Another file system: copied under a temporary name, so that nobody sees half of it.
      const copy = this.temporaryPath(temporaryName)
      await copyFile(path, copy)
      await putOnDisk(copy)
      await rename(copy, this.pathOf(name))
      await rm(path, { force: true })
    }
  }

  async remove(name: string): Promise<void> {
    await rm(this.pathOf(name), { force: true })
  }

  async list(): Promise<CachedFile[]> {
    const files: CachedFile[] = []
    for (const name of await readdir(this.#path)) {
      const found = PART_NAME.test(name) ? await this.find(name) : undefined
      if (found !== undefined) files.push(found)
    }
    return files
  }

  async removeAll(): Promise<void> {
    await rm(this.#path, { recursive: true, force: true })
  }

  async #removeStale(nowMs: number): Promise<void> {
    for (const name of await readdir(this.#temporary)) {
      const path = this.temporaryPath(name)
      const found = await statIfPresent(path)
      if (found !== undefined && found.writtenAtMs < nowMs - STALE_TEMPORARY_MS) {
        await rm(path, { recursive: true, force: true })
      }
    }
  }
}

/** The name of a part's file: its hash, so that a file can never be mistaken for another part's. */
export function partName({ key, sha256 }: PartPointer): string {
  const name = `${sha256}${extname(key)}`
  if (PART_NAME.test(name)) return name
  throw new UmbraError('CORRUPT', `a part pointer is not one; run fsck. key=${key}`, {
    details: { key, sha256 },
  })
}

/** Seconds since 1970. */
function freshSealOf(name: string): number {
  return firstSealOf(name) + randomInt(SEALS_OF_NAME)
}

function isSealOf(name: string, writtenAtMs: number): boolean {
  const place = writtenAtMs / 1000 - firstSealOf(name)
  return Number.isInteger(place) && place >= 0 && place < SEALS_OF_NAME
}

function firstSealOf(name: string): number {
  return SEAL_EPOCH_S + SEALS_OF_NAME * Number.parseInt(name.slice(0, SEAL_DIGITS), 16)
}

/** A power cut must not leave a sealed file with a hole. */
async function putOnDisk(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
}

async function statIfPresent(path: string): Promise<Omit<CachedFile, 'name' | 'isSealed'> | undefined> {
  try {
    const { size, atimeMs, mtimeMs } = await stat(path)
    return { bytes: size, usedAtMs: atimeMs, writtenAtMs: mtimeMs }
  } catch {
    // Whatever the reason, it cannot be used.
    return undefined
  }
}
