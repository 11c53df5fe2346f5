import pLimit from 'p-limit'

/** Results in the order of the items. When one fails, no more are begun, and those that run are waited for. */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  limit: number,
  map: (item: T) => Promise<R>,
): Promise<R[]> {
  const queue = pLimit({ concurrency: limit, rejectOnClear: true })
  const settled = await Promise.allSettled(
    items.map((item) =>
      queue(() => map(item)).catch((error: unknown) => {
        queue.clearQueue()
        throw error
      }),
    ),
  )
  return settled.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}
