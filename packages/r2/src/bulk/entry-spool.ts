import { createReadStream, createWriteStream } from 'node:fs'
import type { WriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import { addSums, decodeJsonLines, EMPTY_SUM, sumEntries } from '@umbra/core'
import type { LiveSum, ManifestEntry } from '@umbra/core'

/** Entries that are written at once. */
const BUFFERED_ENTRIES = 512

/**
 * Entries of one commit on their way into a run, in a temporary file: uploads take minutes, and neither memory nor a
 * database should be held that long.
 */
export class EntrySpool {
  readonly #path: string
  readonly #file: WriteStream
  #buffered: ManifestEntry[] = []
  #rows = 0
  #sum: LiveSum = EMPTY_SUM

  constructor(path: string) {
    this.#path = path
    this.#file = createWriteStream(path, { flags: 'wx', mode: 0o600 })
    // Reported by the next write or by `finish`.
    this.#file.on('error', () => undefined)
  }

  get rows(): number {
    return this.#rows + this.#buffered.length
  }

  /** Over what was written by the last `finish`. */
  get sum(): LiveSum {
    return this.#sum
  }

  async add(entry: ManifestEntry): Promise<void> {
    this.#buffered.push(entry)
    if (this.#buffered.length >= BUFFERED_ENTRIES) await this.#write()
  }

  /** After this entries can be read, and no more be added. */
  async finish(): Promise<void> {
    if (this.#buffered.length > 0) await this.#write()
    this.#file.end()
    await finished(this.#file)
  }

  async *entries(): AsyncGenerator<ManifestEntry, void, undefined> {
    // This process wrote the lines just now.
    for await (const line of decodeJsonLines(createReadStream(this.#path))) yield line as ManifestEntry
  }

  async dispose(): Promise<void> {
    this.#file.destroy()
    await rm(this.#path, { force: true })
  }

  async #write(): Promise<void> {
    const entries = this.#buffered
    this.#buffered = []
    this.#rows += entries.length
    this.#sum = addSums(this.#sum, sumEntries(entries))
    const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')
    await new Promise<void>((resolve, reject) => {
      this.#file.write(text, (error) => {
        if (error) reject(error)
        else resolve()
      })
    })
  }
}
