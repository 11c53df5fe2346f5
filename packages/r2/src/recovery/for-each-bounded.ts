/** Runs a task per item, at most so many at once, and takes no item before there is room for it. */
export async function forEachBounded<T>(
  items: AsyncIterable<T>,
  concurrency: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>()
  try {
    for await (const item of items) {
      const started = task(item).finally(() => running.delete(started))
      running.add(started)
      if (running.size >= concurrency) await Promise.race(running)
    }
    await Promise.all(running)
  } finally {
    // After a failure the others must not go on behind the caller's back.
    await Promise.allSettled(running)
  }
}
