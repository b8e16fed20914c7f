import type { Event } from './contracts.ts';

/** An event and the right to fire it. A listener that throws does not keep the others from hearing. */
export interface Emitter<T> {
  readonly event: Event<T>;
  fire(value: T): void;
}

export function createEmitter<T>(onListenerError: (error: unknown) => void = () => {}): Emitter<T> {
  const listeners = new Set<(value: T) => void>();
  return {
    event(listener) {
      // A wrapper of its own per subscription: the same function may subscribe twice.
      const subscribed = (value: T) => listener(value);
      listeners.add(subscribed);
      return { dispose: () => void listeners.delete(subscribed) };
    },
    fire(value) {
      for (const listener of [...listeners]) {
        try {
          listener(value);
        } catch (error) {
          onListenerError(error);
        }
      }
    },
  };
}
