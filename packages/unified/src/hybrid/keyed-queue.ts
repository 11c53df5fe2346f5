/** Runs tasks with the same key one after another, tasks with different keys side by side. */
export type KeyedQueue = <T>(key: string, task: () => Promise<T>) => Promise<T>

export function createKeyedQueue(): KeyedQueue {
  const last = new Map<string, Promise<unknown>>()
  return async (key, task) => {
    const previous = last.get(key) ?? Promise.resolve()
    // A task does not care how the one before it ended; its own caller was told.
    const running = previous.then(task, task)
    last.set(key, running)
    try {
      return await running
    } finally {
      if (last.get(key) === running) last.delete(key)
    }
  }
}
