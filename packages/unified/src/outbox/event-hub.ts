import type { StorageEvent, StorageEvents } from '@umbra/core'

type Listener<E extends StorageEvent> = (about: StorageEvents[E]) => void
type Listeners = { readonly [E in StorageEvent]: Set<Listener<E>> }
type Standing = { readonly [E in StorageEvent]?: () => Iterable<StorageEvents[E]> }

export interface EventHub {
  on<E extends StorageEvent>(event: E, listener: Listener<E>): () => void
  emit<E extends StorageEvent>(event: E, about: StorageEvents[E]): void
}

/** `standing`: what was emitted and is not over. Who begins to listen is told of it too. */
export function createEventHub(standing: Standing = {}): EventHub {
  const listeners: Listeners = {
    degraded: new Set(),
    recovered: new Set(),
    conflict: new Set(),
    drained: new Set(),
  }

  function tell<E extends StorageEvent>(event: E, listener: Listener<E>, about: StorageEvents[E]): void {
    // A listener's mistake is its own: it must not change what becomes of a write. It surfaces as an unhandled one.
    queueMicrotask(() => {
      if (listeners[event].has(listener)) listener(about)
    })
  }

  return {
    on(event, listener) {
      listeners[event].add(listener)
      for (const about of standing[event]?.() ?? []) tell(event, listener, about)
      return () => listeners[event].delete(listener)
    },
    emit(event, about) {
      for (const listener of listeners[event]) tell(event, listener, about)
    },
  }
}
