import { closeSync, openSync, writeSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { UmbraError } from '@umbra/core'
import type { Rejection } from '../migration/foreign/foreign-record.ts'
import type { CliContext } from './cli-context.ts'
import { confirm } from './confirm.ts'

export interface Rejections {
  /** The first of them. */
  readonly listed: readonly Rejection[]
  readonly add: (rejection: Rejection) => void
  close(): void
}

/** Rejections that a report holds; the file holds all. */
const MAX_LISTED = 1_000
/** What they may hold of what was rejected, in characters: all of it is in memory. */
const MAX_LISTED_CHARACTERS = 16 * 1024 ** 2

/**
 * Keeps the first rejections, and all of them in a file when there is a path for it. Undefined when there is something in
 * that file and nobody agreed to overwriting it.
 *
 * @throws `INVALID_INPUT` when the file cannot be written
 */
export async function openRejections(
  context: CliContext,
  { rejects: path, ...options }: { readonly rejects?: string; readonly yes?: true },
): Promise<Rejections | undefined> {
  const listed: Rejection[] = []
  let characters = 0
  const list = (rejection: Rejection) => {
    characters += rejection.raw?.length ?? 0
    if (listed.length < MAX_LISTED && characters <= MAX_LISTED_CHARACTERS) listed.push(rejection)
  }
  if (path === undefined) return { listed, add: list, close: () => undefined }
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size > 0 && !(await confirm(context, `Overwrite ${path}?`, options))) return undefined
  const file = open(path)
  return {
    listed,
    add(rejection) {
      list(rejection)
      // At once: none is lost with the process, and none waits in memory.
      writeSync(file, `${JSON.stringify(rejection)}\n`)
    },
    close: () => closeSync(file),
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'w')
  } catch (cause) {
    throw new UmbraError('INVALID_INPUT', `the file for rejects cannot be written. path=${path}`, { cause })
  }
}
