/**
 * The items of a generator, each step of which `run` starts as a call of its own: a storage that is closed in between
 * refuses the next one, and waits for the one that runs.
 */
export async function* stepwise<T>(
  items: AsyncGenerator<T, void, undefined>,
  run: <R>(step: () => Promise<R>) => Promise<R>,
): AsyncGenerator<T, void, undefined> {
  try {
    for (;;) {
      const step = await run(() => items.next())
      if (step.done === true) return
      yield step.value
    }
  } finally {
    await items.return()
  }
}
