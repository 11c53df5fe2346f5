import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import type { ListObjectsV2CommandOutput, _Object } from '@aws-sdk/client-s3'
import { UmbraError, withRetry } from '@umbra/core'
import type { ListObjectsOptions, ObjectInfo } from '@umbra/core'
import { fromEtagHeader } from './etag-header.ts'
import type { R2Context } from './r2-context.ts'
import { toR2Error } from './r2-error.ts'

/** The most S3 returns at once, and each page is a billed operation. */
const MAX_PAGE = 1_000

interface PageQuery extends Pick<ListObjectsOptions, 'startAfter'> {
  readonly prefix: string
  readonly pageSize: number
  readonly delimiter?: '/'
}

export async function* listObjects(
  context: R2Context,
  prefix: string,
  options: ListObjectsOptions,
): AsyncGenerator<ObjectInfo, void, undefined> {
  if (options.partialPrefix !== true) requireFolder(prefix)
  let left = options.limit ?? Infinity
  if (left <= 0) return
  const { startAfter } = options
  const pageSize = Math.min(left, MAX_PAGE)
  for await (const page of pages(context, {
    prefix,
    pageSize,
    ...(startAfter !== undefined && { startAfter }),
  })) {
    for (const object of page.Contents ?? []) {
      yield toObjectInfo(object, prefix)
      if (--left === 0) return
    }
  }
}

export async function* listFolders(
  context: R2Context,
  prefix: string,
): AsyncGenerator<string, void, undefined> {
  requireFolder(prefix)
  for await (const page of pages(context, { prefix, pageSize: MAX_PAGE, delimiter: '/' })) {
    for (const folder of page.CommonPrefixes ?? []) {
      if (folder.Prefix !== undefined) yield folder.Prefix
    }
  }
}

async function* pages(context: R2Context, query: PageQuery): AsyncGenerator<ListObjectsV2CommandOutput> {
  let continuationToken: string | undefined
  do {
    const command = new ListObjectsV2Command({
      Bucket: context.bucket,
      Prefix: query.prefix,
      MaxKeys: query.pageSize,
      Delimiter: query.delimiter,
      StartAfter: query.startAfter,
      ContinuationToken: continuationToken,
    })
    const page = await withRetry(() => fetchPage(context, command), context.pieceRetry)
    yield page
    continuationToken = page.IsTruncated === true ? requireToken(page, query.prefix) : undefined
  } while (continuationToken !== undefined)
}

async function fetchPage(
  { client }: R2Context,
  command: ListObjectsV2Command,
): Promise<ListObjectsV2CommandOutput> {
  try {
    return await client.send(command)
  } catch (error) {
    throw toR2Error(error, { operation: 'list', key: command.input.Prefix ?? '' })
  }
}

/** Stopping here would pass a part of the listing off as all of it. */
function requireToken(page: ListObjectsV2CommandOutput, prefix: string): string {
  if (page.NextContinuationToken !== undefined) return page.NextContinuationToken
  throw new UmbraError(
    'UNSUPPORTED',
    `the store cut a listing short without saying where to go on. prefix=${prefix}`,
  )
}

/** Without the slash, a folder's listing would hold its siblings too: `a/b` also matches `a/bc/`. */
function requireFolder(prefix: string): void {
  if (prefix.endsWith('/')) return
  throw new UmbraError('INVALID_INPUT', `a prefix to list must end in a slash. prefix=${prefix}`, {
    details: { prefix },
  })
}

function toObjectInfo(object: _Object, prefix: string): ObjectInfo {
  const { Key: key, ETag: etag, Size: size, LastModified: lastModified } = object
  if (key === undefined || etag === undefined || size === undefined || lastModified === undefined) {
    throw new UmbraError(
      'UNSUPPORTED',
      `the store lists objects without key, etag, size or date. prefix=${prefix}`,
    )
  }
  return { key, etag: fromEtagHeader(etag), size, lastModified }
}
