import type { StorageEvent, StorageEvents } from '@umbra/core'

type Listeners = { readonly [E in StorageEvent]: Set<(about: StorageEvents[E]) => void> }

export interface EventHub {
  on<E extends StorageEvent>(event: E, listener: (about: StorageEvents[E]) => void): () => void
  emit<E extends StorageEvent>(event: E, about: StorageEvents[E]): void
}

export function createEventHub(): EventHub {
  const listeners: Listeners = {
    degraded: new Set(),
    recovered: new Set(),
    conflict: new Set(),
    drained: new Set(),
  }
  return {
    on(event, listener) {
      listeners[event].add(listener)
      return () => listeners[event].delete(listener)
    },
    emit(event, about) {
      for (const listener of listeners[event]) {
        // A listener's mistake is its own: it must not change what becomes of a write. It surfaces as an unhandled one.
        queueMicrotask(() => listener(about))
      }
    },
  }
}
