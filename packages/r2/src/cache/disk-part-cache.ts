import { rm } from 'node:fs/promises'
import { InFlight, UmbraError } from '@umbra/core'
import type { Clock, IdSource, PartPointer } from '@umbra/core'
import type { OpenOptions, PartCache } from '../manifest/part-cache.ts'
import type { LocalPart } from '../manifest/run-format.ts'
import { CacheFolder, partName } from './cache-folder.ts'
import type { CachedFile } from './cache-folder.ts'
import { downloadPart, FolderFailure } from './download-part.ts'
import { hashFile } from './hash-file.ts'

export const DEFAULT_CACHE_MAX_BYTES = 2 * 1024 ** 3

/** A part that was used so recently may be in use still. */
const IN_USE_MS = 60_000

/**
 * The share of the bound that is kept free when room is made, and that a process adds before it looks through the folder
 * again: a full folder of thousands of parts would be looked through for every part else.
 */
const SLACK = 0.1

export interface DiskPartCacheSettings {
  /** Folder of the cache, created when missing. Several processes of one user may share it; nothing else may be kept in it. */
  readonly directory: string
  /** Bytes of parts above which the least recently used are deleted. Default {@link DEFAULT_CACHE_MAX_BYTES}. */
  readonly maxBytes?: number
}

export interface DiskPartCacheComponents {
  readonly clock: Clock
  readonly ids: IdSource
}

interface Opening extends OpenOptions {
  readonly name: string
  readonly pointer: PartPointer
  readonly fetch: Fetch
}

type Fetch = Parameters<PartCache['open']>[1]

/**
 * Parts as files named by their SHA-256. A file is checked whole once, when it is fetched or first found, and sealed by its
 * modification time; each use checks that it is still there, has its size, and was not written to since: it is checked
 * whole again then, or when the caller asks for it, and fetched again when it is damaged. So opening a large part takes no
 * longer than opening a small one.
 *
 * Parts used by this process in the last minute are not deleted to make room, and each further process that shares the folder
 * may add a tenth of the bound before it notices what the others have added: by that much the bound may be exceeded.
 * Another process may delete any part at any time: whoever finds a file gone opens the part again.
 *
 * A folder that cannot be written (read-only, full, no permission) is not an error: a private folder in the system's
 * temporary folder takes its place until the cache is closed. Rejects with `UNAVAILABLE` when that cannot be written
 * either, and after `close`.
 */
export function createDiskPartCache(
  settings: DiskPartCacheSettings,
  components: DiskPartCacheComponents,
): PartCache {
  const cache = new DiskPartCache(settings, components)
  return {
    open: (pointer, fetch, options) => cache.open(pointer, fetch, options),
    temporaryPath: (extension) => cache.temporaryPath(extension),
    adopt: (pointer, path) => cache.adopt(pointer, path),
    forget: (pointer) => cache.forget(pointer),
    close: () => cache.close(),
  }
}

class DiskPartCache {
  readonly #settings: DiskPartCacheSettings
  readonly #clock: Clock
  readonly #ids: IdSource
  readonly #opening = new Map<string, Promise<LocalPart | undefined>>()
  /** Apart from the others, so that reads need not wait until a large part is checked. */
  readonly #checking = new Map<string, Promise<LocalPart | undefined>>()
  readonly #running = new InFlight()
  /** When this process last used each part. */
  readonly #usedAt = new Map<string, number>()
  /** When it last noted a use for others to see. */
  readonly #notedAt = new Map<string, number>()
  /** Bytes this process may still add before the folder is looked through again. */
  #room = 0
  #folder: Promise<CacheFolder> | undefined
  #closing: Promise<void> | undefined

  constructor(settings: DiskPartCacheSettings, { clock, ids }: DiskPartCacheComponents) {
    this.#settings = settings
    this.#clock = clock
    this.#ids = ids
  }

  async open(
    pointer: PartPointer,
    fetch: Fetch,
    { isChecked = false }: OpenOptions = {},
  ): Promise<LocalPart | undefined> {
    const name = partName(pointer)
    const opening = isChecked ? this.#checking : this.#opening
    const shared = opening.get(name)
    if (shared !== undefined) return shared
    const opened = this.#running.track(this.#open({ name, pointer, fetch, isChecked }))
    opening.set(name, opened)
    try {
      return await opened
    } finally {
      opening.delete(name)
    }
  }

  async temporaryPath(extension: string): Promise<string> {
    const folder = await this.#openFolder()
    return folder.temporaryPath(`${this.#freshName()}.${extension}`)
  }

  async adopt(pointer: PartPointer, path: string): Promise<void> {
    const name = partName(pointer)
    const folder = await this.#openFolder()
    try {
      await folder.take(path, name, this.#freshName())
    } catch {
      // Not worth failing for: the part is where it belongs already, and will be fetched when it is needed.
      await rm(path, { force: true })
      return
    }
    await this.#noteNew(folder, name)
    await this.#makeRoom(folder, pointer.bytes)
  }

  async forget(pointer: PartPointer): Promise<void> {
    const name = partName(pointer)
    // A download that is under way would bring it back.
    await Promise.allSettled([this.#opening.get(name), this.#checking.get(name)])
    this.#forgetUses(name)
    const folder = await this.#openFolder()
    try {
      await folder.remove(name)
    } catch (cause) {
      throw new UmbraError('UNAVAILABLE', `a part could not be deleted; see the cause. key=${pointer.key}`, {
        cause,
      })
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#running.settled()
    const folder = await this.#folder
    if (folder?.isPrivate === true) await folder.removeAll()
  }

  #freshName(): string {
    return this.#ids.next(this.#clock.now())
  }

  #openFolder(): Promise<CacheFolder> {
    if (this.#closing !== undefined) {
      throw new UmbraError('UNAVAILABLE', 'the part cache is closed; create a new one')
    }
    this.#folder ??= this.#openConfigured()
    return this.#folder
  }

  async #openConfigured(): Promise<CacheFolder> {
    try {
      return await CacheFolder.open(this.#settings.directory, this.#clock.now(), this.#freshName())
    } catch {
      return this.#openPrivate()
    }
  }

  async #openPrivate(): Promise<CacheFolder> {
    try {
      return await CacheFolder.openPrivate()
    } catch (cause) {
      // So that the next call tries again.
      this.#folder = undefined
      throw unwritable(cause)
    }
  }

  async #open(opening: Opening): Promise<LocalPart | undefined> {
    const folder = await this.#openFolder()
    try {
      return await this.#openIn(folder, opening)
    } catch (error) {
      if (!(error instanceof FolderFailure)) throw error
      if (folder.isPrivate) throw unwritable(error)
    }
    const substitute = await this.#replaceFolder(folder)
    try {
      return await this.#openIn(substitute, opening)
    } catch (error) {
      throw error instanceof FolderFailure ? unwritable(error) : error
    }
  }

  async #openIn(folder: CacheFolder, opening: Opening): Promise<LocalPart | undefined> {
    const { name, pointer, fetch } = opening
    const path = folder.pathOf(name)
    const found = await folder.find(name)
    if (found !== undefined && (await this.#isPart(found, opening, folder))) {
      await this.#noteUse(folder, found)
      return { pointer, path }
    }
    const source = await fetch()
    if (source === undefined) return undefined
    await downloadPart(source, pointer, { path, temporaryPath: folder.temporaryPath(this.#freshName()) })
    await this.#noteNew(folder, name)
    await this.#makeRoom(folder, pointer.bytes)
    return { pointer, path }
  }

  async #isPart(found: CachedFile, { pointer, isChecked }: Opening, folder: CacheFolder): Promise<boolean> {
    const { name, bytes, isSealed } = found
    if (bytes !== pointer.bytes) return false
    if (isSealed && !isChecked) return true
    try {
      const { sha256 } = await hashFile(folder.pathOf(name))
      if (sha256 === pointer.sha256) return await folder.seal(found, this.#clock.now())
      // At once: its seal would still stand if the fetch failed.
      await folder.breakSeal(found, this.#clock.now())
      return false
    } catch {
      // Deleted by another process meanwhile, or unreadable: fetched again.
      return false
    }
  }

  async #noteUse(folder: CacheFolder, file: CachedFile): Promise<void> {
    const now = this.#clock.now()
    this.#usedAt.set(file.name, now)
    if (now - (this.#notedAt.get(file.name) ?? -Infinity) < IN_USE_MS) return
    this.#notedAt.set(file.name, now)
    if (file.isSealed) await folder.touch(file, now)
  }

  async #noteNew(folder: CacheFolder, name: string): Promise<void> {
    const now = this.#clock.now()
    this.#usedAt.set(name, now)
    this.#notedAt.set(name, now)
    await folder.sealNew(name, now)
  }

  async #makeRoom(folder: CacheFolder, addedBytes: number): Promise<void> {
    this.#room -= addedBytes
    if (this.#room >= 0) return
    const maxBytes = this.#settings.maxBytes ?? DEFAULT_CACHE_MAX_BYTES
    const slack = maxBytes * SLACK
    // Before the folder is looked through, so that one call does it for all that add at the same time.
    this.#room = slack
    const files = await folder.list()
    let total = files.reduce((sum, { bytes }) => sum + bytes, 0)
    const inUseSince = this.#clock.now() - IN_USE_MS
    for (const { name, bytes } of files.toSorted((a, b) => a.usedAtMs - b.usedAtMs)) {
      if (total <= maxBytes - slack) return
      if ((this.#usedAt.get(name) ?? -Infinity) > inUseSince) continue
      await folder.remove(name)
      this.#forgetUses(name)
      total -= bytes
    }
  }

  #forgetUses(name: string): void {
    for (const known of [this.#usedAt, this.#notedAt]) known.delete(name)
  }

  /** Once for all that met the same failure. */
  #replaceFolder(failed: CacheFolder): Promise<CacheFolder> {
    const current = this.#folder ?? Promise.resolve(failed)
    const replacement = current.then((folder) => {
      if (folder !== failed) return folder
      for (const known of [this.#usedAt, this.#notedAt]) known.clear()
      return this.#openPrivate()
    })
    this.#folder = replacement
    return replacement
  }
}

function unwritable(cause: unknown): UmbraError {
  return new UmbraError('UNAVAILABLE', 'neither the cache folder nor the temporary folder can be written', {
    cause,
  })
}
