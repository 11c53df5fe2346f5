import { readFile } from 'node:fs/promises'
import type { StorageRecord } from '@umbra/core'
import { collectBytes, hasErrorCode } from '@umbra/core'
import { confirm } from '../confirm.ts'
import { formatBytes, formatDuration } from '../output/format-quantity.ts'
import { countBytes } from '../output/progress.ts'
import type { Stage } from '../stage.ts'
import { startStopwatch } from '../stopwatch.ts'

const VALID_SECONDS = 60

/** A link that needs no credentials, used the way a browser would. */
export async function downloadByLink(stage: Stage, file: StorageRecord): Promise<void> {
  const { storage, out } = stage
  out.scenario('Hand out a download link')
  out.explain(
    `A presigned link lets anybody who has it download one record for ${VALID_SECONDS} seconds, straight from storage ` +
      'and without credentials.',
  )
  const { presignedDownload } = (await storage.getStorageInfo()).capabilities
  if (presignedDownload === true) await download(stage, file)
  else await showRefusal(stage, file)
}

async function download({ storage, data, out }: Stage, file: StorageRecord): Promise<void> {
  const url = await storage.generatePresignedUrl(file.storageKey, { expiresIn: VALID_SECONDS })
  out.data(url)
  const elapsed = startStopwatch()
  const progress = out.progress({ total: file.size, unit: 'bytes' })
  const response = await fetch(url)
  const bytes = await collectBytes(countBytes(chunksOf(response), progress))
  progress.stop()
  confirm(Buffer.from(bytes).equals(await readFile(data.flightsFile)), 'the download equals the file on disk')
  out.result(
    `fetch(url): ${response.status}, ${formatBytes(bytes.byteLength)} in ${formatDuration(elapsed())}, ` +
      'byte for byte the file that was stored',
  )
}

async function* chunksOf({ body }: Response): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader()
  for (let next = await reader?.read(); next?.value !== undefined; next = await reader?.read())
    yield next.value
}

async function showRefusal({ storage, out }: Stage, file: StorageRecord): Promise<void> {
  const refused: unknown = await storage
    .generatePresignedUrl(file.storageKey)
    .catch((error: unknown) => error)
  if (!hasErrorCode(refused, 'UNSUPPORTED')) throw refused
  out.result(
    `Not here, and the library says so instead of handing out a dead link. ${refused.code}: ${refused.message}`,
  )
}
