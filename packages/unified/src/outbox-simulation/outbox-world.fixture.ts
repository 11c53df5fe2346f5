import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Outbox } from '@umbra/sqlite'
import type { KillableTrace } from './killable-trace.fixture.ts'

/** A write as it was queued. */
export interface QueuedWrite {
  readonly label: string
  readonly file: OutboxFile
  readonly opId: string
  readonly pk: number
}

/** An operation that is listed as refused in the end. */
export interface RefusedWrite {
  readonly opId: string
  readonly contents: readonly string[]
  readonly code: string
}

/** One database file with an outbox, through all its lives. */
export interface OutboxFile {
  readonly name: string
  readonly path: string
  /** What somebody put aside, to be put back later. */
  backup: { readonly path: string; readonly queued: number } | undefined
}

interface OpenedOutbox {
  readonly outbox: Outbox
  readonly trace: KillableTrace
}

/** What lies around the processes of a simulation: their files, and what a check must know of them. */
export class OutboxWorld {
  readonly #folder = mkdtempSync(join(tmpdir(), 'umbra-outbox-simulation-'))
  readonly #opened: OpenedOutbox[] = []
  readonly files: OutboxFile[] = []
  readonly queued: QueuedWrite[] = []
  /** Labels by what is committed together. */
  readonly labels = new WeakMap<object, string>()
  /** Labels of the operations whose caller was told that they are pending. */
  readonly pending = new Set<string>()
  /** Labels of operations that went with the file they were in. */
  readonly mayBeLost = new Set<string>()
  /** Filled when everything is drained. */
  readonly refused: RefusedWrite[] = []
  undrained = 0
  copies = 0
  /** How often a file was taken for a copy. */
  renames = 0
  /** Names of holders, each with its process. One that is gone for good is noticed only by its lease, as on another machine. */
  readonly #alive = new Map<string, string>()
  readonly #owned = new Map<string, OutboxFile[]>()

  /** A process's files, in the order in which it came by them; to be added to. */
  filesOf(process: string): OutboxFile[] {
    const found = this.#owned.get(process) ?? []
    this.#owned.set(process, found)
    return found
  }

  file(): OutboxFile {
    const name = `f${this.files.length + 1}`
    const file: OutboxFile = { name, path: join(this.#folder, `${name}.sqlite`), backup: undefined }
    this.files.push(file)
    return file
  }

  /** A process begins: it is the only life of its name. */
  begin(process: string): void {
    for (const [holder, of] of this.#alive)
      if (of === process || process === 'last') this.#alive.delete(holder)
  }

  join(process: string, holder: string): void {
    this.#alive.set(holder, process)
  }

  isAlive(holder: string): boolean {
    return this.#alive.has(holder)
  }

  note(opened: OpenedOutbox): void {
    this.#opened.push(opened)
  }

  /** How many SQL statements the first process made from its last task `kill-<n>` on. */
  statements(): number {
    return this.#opened[0]?.trace.count() ?? 0
  }

  /** A second file with everything in it that is committed in the first one. */
  clone({ path }: OutboxFile): OutboxFile {
    const copy = this.file()
    copyDatabase(path, copy.path)
    this.copies++
    return copy
  }

  backUp(file: OutboxFile): void {
    const path = `${file.path}.backup-${this.copies++}`
    copyDatabase(file.path, path)
    file.backup = { path, queued: this.queued.length }
  }

  /** Nobody may have the file open. What was queued since goes with what is replaced. */
  restore(file: OutboxFile): void {
    const { backup } = file
    if (backup === undefined) return
    copyDatabase(backup.path, file.path)
    for (const one of this.queued.slice(backup.queued)) if (one.file === file) this.mayBeLost.add(one.label)
  }

  async close(): Promise<void> {
    for (const { outbox, trace } of this.#opened) {
      trace.release()
      await outbox.close()
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function copyDatabase(from: string, to: string): void {
  for (const suffix of ['', '-wal']) {
    rmSync(to + suffix, { force: true })
    if (existsSync(from + suffix)) copyFileSync(from + suffix, to + suffix)
  }
  rmSync(`${to}-shm`, { force: true })
}
